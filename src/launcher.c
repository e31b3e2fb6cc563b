/*
 * launcher.c
 *		Keeps a worker in each database that inventory.databases names.
 *
 * Each name has an entry, which is in one of these states:
 *
 *	  refused	no worker: there is no such database, nobody may connect to it,
 *				it is a template, or a command keeps the worker out.  Looked at
 *				again after a nap.
 *	  waiting	no worker: the last one ended unasked, or could not be started.
 *				Waits for an ever longer time.
 *	  running	there is a worker, or the postmaster is starting one.
 *	  leaving	the worker was told to leave: the name is not in the setting
 *				any more, or means another database now.
 *
 * The handle tells the first two from the others.  An entry whose name is not
 * wanted goes when its worker has.
 *
 * The launcher is connected to no database, so it is in nobody's way, and
 * reads pg_database in short transactions.  While all is as it should be it
 * sleeps until a signal tells of a change.
 */
#include "postgres.h"

#include <signal.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "guc.h"
#include "launcher.h"
#include "shmem.h"
#include "worker.h"

#define RESTART_S 5
#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS (60 * 1000)

typedef struct Entry
{
	NameData	name;
	bool		wanted;			/* the setting names it */
	Oid			database;		/* that has the name now; or invalid */
	InvLaunchProblem problem;
	InvLaunchProblem told;		/* the problem that the log knows of */

	/* of a worker that was started and has not been seen ended */
	BackgroundWorkerHandle *handle; /* or null */
	Oid			in;
	bool		leaving;
	TimestampTz started_at;

	/* of the next one */
	TimestampTz not_before;
	long		retry_ms;
} Entry;

static List *entries = NIL;
static MemoryContext lasting;	/* of the entries */

void
inv_launcher_init(void)
{
	BackgroundWorker worker = {
		.bgw_name = "inventory launcher",
		.bgw_type = "inventory launcher",
		.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = RESTART_S,
		.bgw_library_name = "inventory",
		.bgw_function_name = "inv_launcher_main"
	};

	RegisterBackgroundWorker(&worker);
}

bool
inv_launcher_wants(const char *database)
{
	ListCell   *cell;

	foreach(cell, inv_guc_databases())
		if (strcmp(lfirst(cell), database) == 0)
		return true;
	return false;
}

/* ---------- what is wanted ---------- */

static Entry *
find_entry(const char *name)
{
	ListCell   *cell;

	foreach(cell, entries)
	{
		Entry	   *entry = lfirst(cell);

		if (namestrcmp(&entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

static Entry *
add_entry(const char *name)
{
	MemoryContext old = MemoryContextSwitchTo(lasting);
	Entry	   *entry = palloc0(sizeof(Entry));

	namestrcpy(&entry->name, name);
	entries = lappend(entries, entry);
	MemoryContextSwitchTo(old);
	return entry;
}

static void
read_setting(void)
{
	ListCell   *cell;

	foreach(cell, entries)
		((Entry *) lfirst(cell))->wanted = false;
	foreach(cell, inv_guc_databases())
	{
		Entry	   *entry = find_entry(lfirst(cell));

		if (entry == NULL)
			entry = add_entry(lfirst(cell));
		entry->wanted = true;
	}
}

static InvLaunchProblem
judge_database(Form_pg_database form)
{
	if (form->datistemplate)
		return INV_LAUNCH_TEMPLATE;
	if (!form->datallowconn)
		return INV_LAUNCH_NO_CONNECTIONS;
	return INV_LAUNCH_OK;
}

/* look_up - which database has the name, and whether it may have a worker */
static void
look_up(Relation databases, Entry *entry)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	entry->database = InvalidOid;
	entry->problem = INV_LAUNCH_MISSING;
	ScanKeyInit(&key, Anum_pg_database_datname, BTEqualStrategyNumber,
				F_NAMEEQ, NameGetDatum(&entry->name));
	scan = systable_beginscan(databases, InvalidOid, false, NULL, 1,
							  &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_database form = (Form_pg_database) GETSTRUCT(tuple);

		entry->database = form->oid;
		entry->problem = judge_database(form);
	}
	systable_endscan(scan);

	/* a worker has this lock itself; else it is a command that has it */
	if (entry->problem == INV_LAUNCH_OK && entry->handle == NULL &&
		!inv_shmem_lock_worker(entry->database, false))
		entry->problem = INV_LAUNCH_BUSY;
}

static void
look_up_all(void)
{
	Relation	databases;
	ListCell   *cell;

	StartTransactionCommand();
	databases = table_open(DatabaseRelationId, AccessShareLock);
	foreach(cell, entries)
		look_up(databases, lfirst(cell));
	table_close(databases, AccessShareLock);
	CommitTransactionCommand();
}

/* ---------- telling ---------- */

static const char *
problem_text(InvLaunchProblem problem)
{
	switch (problem)
	{
		case INV_LAUNCH_MISSING:
			return "there is no such database";
		case INV_LAUNCH_TEMPLATE:
			return "it is a template";
		case INV_LAUNCH_NO_CONNECTIONS:
			return "it does not allow connections";
		case INV_LAUNCH_NO_ROOM:
			return "max_worker_processes are there already";
		default:
			return NULL;
	}
}

/* tell - each problem once, until it is another */
static void
tell(Entry *entry)
{
	const char *text = problem_text(entry->problem);

	if (entry->problem == entry->told)
		return;
	entry->told = entry->problem;
	if (OidIsValid(entry->database) && inv_shmem_add(entry->database))
		inv_shmem_note_problem(entry->database, entry->problem);
	if (text == NULL)
		return;
	ereport(LOG,
			(errmsg("no inventory worker for database \"%s\": %s",
					NameStr(entry->name), text),
			 errhint("It is named in inventory.databases; the launcher goes "
					 "on trying.")));
}

/* ---------- workers ---------- */

static void
wait_longer(Entry *entry)
{
	entry->retry_ms = entry->retry_ms == 0 ? FIRST_RETRY_MS :
		Min(2 * entry->retry_ms, LAST_RETRY_MS);
	entry->not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
													entry->retry_ms);
}

/*
 * was_asked - whether the worker left because somebody asked it to: nothing is
 * wrong then
 */
static bool
was_asked(const Entry *entry)
{
	InvWorkerState *state = palloc(sizeof(InvWorkerState));

	return entry->leaving ||
		(inv_shmem_read(entry->in, state) && state->asked);
}

/* note_end - the next one starts at once, or the later the sooner they end */
static void
note_end(Entry *entry)
{
	bool		asked = was_asked(entry);

	if (asked ||
		TimestampDifferenceExceeds(entry->started_at, GetCurrentTimestamp(),
								   LAST_RETRY_MS))
		entry->retry_ms = 0;
	pfree(entry->handle);
	entry->handle = NULL;
	entry->leaving = false;
	entry->problem = INV_LAUNCH_ENDED;
	if (!asked)
		wait_longer(entry);
}

static void
watch(Entry *entry)
{
	pid_t		pid;

	switch (GetBackgroundWorkerPid(entry->handle, &pid))
	{
		case BGWH_POSTMASTER_DIED:
			proc_exit(1);
		case BGWH_STOPPED:
			note_end(entry);
			return;
		default:
			break;
	}
	if (!entry->leaving &&
		(!entry->wanted || entry->problem != INV_LAUNCH_OK ||
		 entry->database != entry->in))
	{
		TerminateBackgroundWorker(entry->handle);
		entry->leaving = true;
	}
}

static void
start(Entry *entry)
{
	BackgroundWorker worker = {
		.bgw_type = "inventory worker",
		.bgw_flags = BGWORKER_SHMEM_ACCESS |
		BGWORKER_BACKEND_DATABASE_CONNECTION,
		.bgw_start_time = BgWorkerStart_RecoveryFinished,
		.bgw_restart_time = BGW_NEVER_RESTART,
		.bgw_library_name = "inventory",
		.bgw_function_name = "inv_worker_main",
		.bgw_main_arg = ObjectIdGetDatum(entry->database),
		.bgw_notify_pid = MyProcPid
	};
	MemoryContext old;
	bool		started;

	snprintf(worker.bgw_name, BGW_MAXLEN, "inventory worker for %s",
			 NameStr(entry->name));
	old = MemoryContextSwitchTo(lasting);
	started = inv_shmem_add(entry->database) &&
		RegisterDynamicBackgroundWorker(&worker, &entry->handle);
	MemoryContextSwitchTo(old);
	if (!started)
	{
		entry->problem = INV_LAUNCH_NO_ROOM;
		wait_longer(entry);
		return;
	}
	entry->in = entry->database;
	entry->started_at = GetCurrentTimestamp();
}

static void
manage(Entry *entry)
{
	if (entry->handle)
		watch(entry);
	else if (entry->wanted && entry->problem == INV_LAUNCH_OK &&
			 entry->not_before <= GetCurrentTimestamp())
		start(entry);
	else if (entry->wanted && entry->problem == INV_LAUNCH_OK)
		entry->problem = entry->told;	/* still waiting, for the same reason */
	if (entry->wanted)
		tell(entry);
}

/* is_settled - nothing about it changes unless somebody tells us */
static bool
is_settled(const Entry *entry)
{
	return entry->handle && entry->wanted && !entry->leaving;
}

/* manage_all - answers whether all is as it should be */
static bool
manage_all(void)
{
	Oid		   *databases = palloc((list_length(entries) + 1) * sizeof(Oid));
	int			count = 0;
	bool		settled = true;
	ListCell   *cell;

	foreach(cell, entries)
	{
		Entry	   *entry = lfirst(cell);

		manage(entry);
		settled = settled && is_settled(entry);
		if (entry->wanted || entry->handle)
			databases[count++] = entry->handle ? entry->in : entry->database;
		else
		{
			entries = foreach_delete_current(entries, cell);
			pfree(entry);
		}
	}
	inv_shmem_keep(databases, count);
	return settled;
}

/* ---------- the loop ---------- */

static void
wait_for_change(bool settled)
{
	static uint32 event = 0;

	if (event == 0)
		event = inv_wait_event_new("InventoryLauncher");
	(void) WaitLatch(MyLatch,
					 WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
					 (settled ? 0 : WL_TIMEOUT),
					 inv_worker_nap, event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
}

void
inv_launcher_main(Datum arg)
{
	MemoryContext turn;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	inv_worker_override_settings();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	lasting = AllocSetContextCreate(TopMemoryContext, "inventory launcher",
									ALLOCSET_SMALL_SIZES);
	turn = AllocSetContextCreate(TopMemoryContext, "inventory launcher turn",
								 ALLOCSET_SMALL_SIZES);
	/* those of a launcher that failed do not know us */
	inv_shmem_stop_all();
	for (;;)
	{
		bool		settled;

		MemoryContextSwitchTo(turn);
		read_setting();
		if (entries != NIL)
			look_up_all();
		MemoryContextSwitchTo(turn);
		settled = manage_all();
		MemoryContextReset(turn);
		wait_for_change(settled);
	}
}
