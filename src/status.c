/*
 * status.c
 *		inv_worker_status: whether the worker of this database is well, and what
 *		to do if not.
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "compat.h"
#include "guc.h"
#include "launcher.h"
#include "shmem.h"
#include "worker.h"

/* more than a turn takes, and the longest wait after a failure */
#define STUCK_MS (2 * 60 * 1000)

PG_FUNCTION_INFO_V1(inv_worker_status);

typedef enum Column
{
	DATABASE,
	VERB,
	RUNNING,
	PID,
	STARTED_AT,
	LAST_LOOP_AT,
	LAST_RUN_AT,
	RUNS,
	BACKLOG,
	ERRORS,
	LAST_ERROR,
	LAST_ERROR_AT,
	HINT,
	COLUMNS
} Column;

static const char *
problem_hint(InvLaunchProblem problem)
{
	switch (problem)
	{
		case INV_LAUNCH_TEMPLATE:
			return "This database is a template: no worker runs in one.";
		case INV_LAUNCH_NO_CONNECTIONS:
			return "Allow connections to this database: ALTER DATABASE ... "
				"ALLOW_CONNECTIONS true.";
		case INV_LAUNCH_BUSY:
			return "A command keeps the worker out of this database, or the "
				"one before is still leaving; it is started when that is over.";
		case INV_LAUNCH_NO_ROOM:
			return "Raise max_worker_processes, and restart the server.";
		case INV_LAUNCH_ENDED:
			return "The worker ended and is started again; the server log "
				"says why.";
		default:
			return "The launcher is about to start the worker; if it does "
				"not, the server log says why.";
	}
}

/* worker_hint - what keeps the worker from working, or null */
static const char *
worker_hint(const char *database, const InvWorkerState *state)
{
	if (!inv_shmem_is_there())
		return "Add inventory to shared_preload_libraries, and restart the "
			"server.";
	if (RecoveryInProgress())
		return "This is a standby: the worker runs on the primary, and here "
			"after a promotion.";
	if (!inv_launcher_wants(database))
		return "Add this database to inventory.databases, and reload the "
			"configuration.";
	if (state->pid == 0)
		return problem_hint(state->problem);
	if (TimestampDifferenceExceeds(Max(state->started_at, state->last_loop_at),
								   GetCurrentTimestamp(),
								   STUCK_MS + inv_worker_nap))
		return "The worker is busy or waits: see its pid in pg_stat_activity "
			"and pg_locks.";
	return NULL;
}

static const char *
verb_hint(const InvVerbState *verb)
{
	if (verb->failed)
		return "The last run failed, see last_error; it is tried again, at "
			"most a minute later.";
	return NULL;
}

static NullableDatum
count_backlog(const InvCatalogue *cat, InvPlan *plan)
{
	NullableDatum count = {.isnull = true};
	InvPlanScope scope;

	if (plan == NULL)
		return count;
	inv_plan_begin(&scope, cat);
	count.value = Int64GetDatum(inv_plan_number(&scope, plan, NULL, NULL));
	count.isnull = false;
	inv_plan_end(&scope);
	return count;
}

/* ---------- rows ---------- */

static void
set_time(Datum *values, bool *nulls, Column column, TimestampTz time)
{
	nulls[column] = time == 0;
	values[column] = TimestampTzGetDatum(time);
}

static void
set_text(Datum *values, bool *nulls, Column column, const char *text)
{
	nulls[column] = text == NULL;

	if (text)
		values[column] = CStringGetTextDatum(text);
}

static void
put_verb(ReturnSetInfo *rsinfo, const InvCatalogue *cat, int verb,
		 const char *database, const InvWorkerState *state)
{
	const InvVerbState *of_verb = &state->verbs[verb];
	const char *hint = worker_hint(database, state);
	NullableDatum backlog = count_backlog(cat, inv_verbs[verb].backlog);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};

	set_text(values, nulls, DATABASE, database);
	set_text(values, nulls, VERB, inv_verbs[verb].name);
	values[RUNNING] = BoolGetDatum(state->pid != 0);
	values[PID] = Int32GetDatum(state->pid);
	nulls[PID] = state->pid == 0;
	set_time(values, nulls, STARTED_AT, state->started_at);
	set_time(values, nulls, LAST_LOOP_AT, state->last_loop_at);
	set_time(values, nulls, LAST_RUN_AT, of_verb->last_run_at);
	values[RUNS] = Int64GetDatum(of_verb->runs);
	values[BACKLOG] = backlog.value;
	nulls[BACKLOG] = backlog.isnull;
	values[ERRORS] = Int64GetDatum(of_verb->errors);
	set_text(values, nulls, LAST_ERROR,
			 of_verb->errors > 0 ? of_verb->last_error : NULL);
	set_time(values, nulls, LAST_ERROR_AT, of_verb->last_error_at);
	set_text(values, nulls, HINT, hint ? hint : verb_hint(of_verb));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
inv_worker_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	const char *database = get_database_name(MyDatabaseId);
	InvWorkerState *state = palloc0(sizeof(InvWorkerState));

	(void) inv_shmem_read(MyDatabaseId, state);
	InitMaterializedSRF(fcinfo, 0);
	for (int verb = 0; verb < inv_verb_count; verb++)
		put_verb(rsinfo, cat, verb, database, state);
	return (Datum) 0;
}
