/*
 * schedule.c
 *		inv_schedule_maintenance: calendar work by pg_cron.
 *
 * pg_cron lives in one database of a server and is never required: it is
 * looked for when somebody asks for it, by its extension and not by the names
 * of its objects, which anybody could take.
 *
 * The jobs belong to the owner of our tables, whoever asks: so there is one of
 * each kind for a database, and asking again changes nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "argument.h"
#include "compat.h"
#include "errors.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(inv_schedule_maintenance);

static const struct
{
	const char *name;
	const char *schedule;		/* pg_cron's clock is GMT unless told */
	const char *function;
}			jobs[] = {
	{"maintain", "*/10 * * * *", "inv_maintain"},
	{"verify", "30 2 * * *", "inv_verify_or_fail"}
};

/* one job as text, in the order of the columns of inv_job */
enum
{
	NAME,
	SCHEDULE,
	COMMAND,
	COLUMNS
};

static InvPlan schedule_plan = {
	.sql = "SELECT cron.schedule($1, $2, $3)",
	.nargs = COLUMNS,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID}
};

static void
describe_job(const InvCatalogue *cat, int job, const char **texts)
{
	texts[NAME] = psprintf("inventory_%s_%s", jobs[job].name,
						   get_database_name(MyDatabaseId));
	texts[SCHEDULE] = jobs[job].schedule;
	texts[COMMAND] = psprintf("SELECT %s.%s()", cat->schema,
							  jobs[job].function);
}

/* statements - what to say to a pg_cron in another database */
static char *
statements(const InvCatalogue *cat)
{
	StringInfoData buf;
	const char *texts[COLUMNS];

	initStringInfo(&buf);
	for (int job = 0; job < lengthof(jobs); job++)
	{
		describe_job(cat, job, texts);
		appendStringInfo(&buf,
						 "\nSELECT cron.schedule_in_database(%s, %s, %s, %s);",
						 quote_literal_cstr(texts[NAME]),
						 quote_literal_cstr(texts[SCHEDULE]),
						 quote_literal_cstr(texts[COMMAND]),
						 quote_literal_cstr(get_database_name(MyDatabaseId)));
	}
	return buf.data;
}

/* require_cron - raises, with what to do instead, if it is not here */
static void
require_cron(const InvCatalogue *cat)
{
	const char *home = GetConfigOption("cron.database_name", true, false);

	if (OidIsValid(get_extension_oid("pg_cron", true)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("pg_cron is not in this database"),
			 inv_errdetail("database:s cron_database:s",
						   get_database_name(MyDatabaseId), home),
			 home ?
			 errhint("In database \"%s\", where pg_cron belongs, run:%s", home,
					 statements(cat)) :
			 errhint("Let the worker do it (inventory.databases), or add "
					 "pg_cron to shared_preload_libraries, and in its database "
					 "run:%s", statements(cat))));
}

Datum
inv_schedule_maintenance(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvPlanScope scope;
	InvCall		call;

	inv_call_begin_writing(&call, fcinfo, "inv_schedule_maintenance",
						   INV_NO_KEY_ARGUMENT);
	require_cron(cat);
	InitMaterializedSRF(fcinfo, 0);
	inv_plan_begin(&scope, cat);
	for (int job = 0; job < lengthof(jobs); job++)
	{
		const char *texts[COLUMNS];
		Datum		values[COLUMNS];
		bool		nulls[COLUMNS] = {false};

		describe_job(cat, job, texts);
		for (int column = 0; column < COLUMNS; column++)
			values[column] = CStringGetTextDatum(texts[column]);
		inv_plan_run(&scope, &schedule_plan, values, NULL, 0);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values,
							 nulls);
	}
	inv_plan_end(&scope);
	return (Datum) 0;
}
