/*
 * worker.c
 *		The worker of one database: a loop over verbs.
 *
 * Invariants:
 *
 * - It waits with no transaction open, no lock but the one that says that it
 *	 is the worker, and everywhere in a way that SIGTERM ends: so a shutdown, a
 *	 DROP DATABASE or a DROP EXTENSION never waits for more than a short
 *	 transaction of it.
 * - It keeps nothing between turns that a crash could lose.  What there is to
 *	 do is read from the tables; whoever wakes it only saves a nap.
 * - It works as the owner of the extension, and looks for that anew in every
 *	 transaction.
 * - What the server is told by default about isolation, timeouts and standbys
 *	 is not for it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "compat.h"
#include "deliver.h"
#include "guc.h"
#include "hold.h"
#include "maintain.h"
#include "shmem.h"
#include "stream.h"
#include "webhook.h"
#include "worker.h"

/*
 * Holds that one transaction expires, and the pause after it: what they lock
 * is wanted by sellers, who keep most of their rate at this pace.
 */
#define EXPIRE_BATCH 100
#define EXPIRE_PAUSE_MS 25

#define HOUSEKEEPING_MS (10 * 60 * 1000)
#define FIRST_RETRY_MS 1000
#define LAST_RETRY_MS (60 * 1000)

static InvPlan expire_backlog = {
	.sql = "SELECT count(*) FROM @inv_hold"
	" WHERE decided_at IS NULL AND state = 'held'"
	" AND (on_expiry = 'keep') = false"
	" AND expires_at <= clock_timestamp()",
	.read_only = true
};

static long expire_holds(void);
static long keep_house(void);

const InvVerb inv_verbs[] = {
	{"expire", expire_holds, .backlog = &expire_backlog},
	{"deliver", inv_deliver_run, .prompt = true, .backlog = &inv_deliver_backlog},
	{"housekeeping", keep_house},
	{"heartbeat", inv_stream_beat}
};
const int	inv_verb_count = lengthof(inv_verbs);

StaticAssertDecl(lengthof(inv_verbs) <= INV_MAX_VERBS, "too many verbs");

/* When a verb runs again */
typedef struct Schedule
{
	TimestampTz due;
	long		retry_ms;		/* 0: it has not failed */
} Schedule;

static Schedule schedules[lengthof(inv_verbs)];

/* of the transaction, while one is open */
static Oid	saved_user;
static int	saved_security;

/* ---------- transactions ---------- */

const InvCatalogue *
inv_worker_begin(void)
{
	const InvCatalogue *cat;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	cat = inv_catalogue_find(RowExclusiveLock);
	if (cat == NULL)
	{
		CommitTransactionCommand();
		return NULL;
	}

	/*
	 * The owner may have put code of theirs into indexes and defaults: it
	 * must not run as the superuser that we are.
	 */
	GetUserIdAndSecContext(&saved_user, &saved_security);
	SetUserIdAndSecContext(cat->owner, saved_security |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	PushActiveSnapshot(GetTransactionSnapshot());
	return cat;
}

/* set_for_transaction - a setting, until the transaction ends */
static void
set_for_transaction(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_LOCAL, true, 0, false);
}

void
inv_worker_commit(bool durable)
{
	PopActiveSnapshot();
	SetUserIdAndSecContext(saved_user, saved_security);
	if (!durable)
		set_for_transaction("synchronous_commit", "off");
	CommitTransactionCommand();
	pgstat_report_stat(false);
}

/* ---------- verbs ---------- */

static long
expire_holds(void)
{
	const InvCatalogue *cat = inv_worker_begin();
	int64		expired;

	if (cat == NULL)
		return inv_worker_nap;
	expired = inv_hold_expire(cat, EXPIRE_BATCH);
	inv_worker_commit(false);
	return expired < EXPIRE_BATCH ? inv_worker_nap : EXPIRE_PAUSE_MS;
}

/* keep_house - each task in a transaction of its own */
static long
keep_house(void)
{
	for (int i = 0; i < inv_task_count; i++)
	{
		const InvCatalogue *cat = inv_worker_begin();

		if (cat == NULL)
			return inv_worker_nap;
		inv_tasks[i].run(cat);
		inv_worker_commit(false);
		CHECK_FOR_INTERRUPTS();
	}
	return HOUSEKEEPING_MS;
}

/* recover - ends what an error interrupted, and tells of it */
static void
recover(int verb, MemoryContext context)
{
	ErrorData  *error;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	error_context_stack = NULL;
	EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	MemoryContextSwitchTo(context);
	inv_shmem_note_error(verb, error->message ? error->message : "");
	RESUME_INTERRUPTS();
}

/* run_verb - answers in how many ms it wants to run again */
static long
run_verb(int verb, MemoryContext context)
{
	Schedule   *schedule = &schedules[verb];
	volatile long wait = 0;

	pgstat_report_activity(STATE_RUNNING, inv_verbs[verb].name);
	PG_TRY();
	{
		wait = inv_verbs[verb].run();
		schedule->retry_ms = 0;
		inv_shmem_note_run(verb);
	}
	PG_CATCH();
	{
		recover(verb, context);
		schedule->retry_ms = schedule->retry_ms == 0 ? FIRST_RETRY_MS :
			Min(2 * schedule->retry_ms, LAST_RETRY_MS);
		wait = schedule->retry_ms;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	return wait;
}

/* run_due_verbs - answers for how many ms nothing is to do */
static long
run_due_verbs(MemoryContext context)
{
	TimestampTz next = DT_NOEND;

	for (int verb = 0; verb < inv_verb_count; verb++)
	{
		Schedule   *schedule = &schedules[verb];
		bool		prompt = inv_verbs[verb].prompt && schedule->retry_ms == 0;

		CHECK_FOR_INTERRUPTS();
		if (prompt || schedule->due <= GetCurrentTimestamp())
		{
			long		wait = run_verb(verb, context);

			schedule->due = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														wait);
			MemoryContextReset(context);
		}
		next = Min(next, schedule->due);
	}
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
}

/* ---------- the loop ---------- */

static void
override(const char *name, const char *value)
{
	/* not every server version has every setting */
	if (GetConfigOption(name, true, false))
		SetConfigOption(name, value, PGC_SUSET, PGC_S_OVERRIDE);
}

void
inv_worker_override_settings(void)
{
	override("statement_timeout", "0");
	override("lock_timeout", "0");
	override("transaction_timeout", "0");
	override("idle_in_transaction_session_timeout", "0");
	override("idle_session_timeout", "0");
	override("default_transaction_isolation", "read committed");
	override("default_transaction_read_only", "off");
	override("default_transaction_deferrable", "off");
	/* whoever waits for a standby cannot leave before that answers */
	if (synchronous_commit > SYNCHRONOUS_COMMIT_LOCAL_FLUSH)
		override("synchronous_commit", "local");
}

static void
reload_settings(void)
{
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	inv_worker_override_settings();
}

static void
wait_for_work(long ms)
{
	static uint32 event = 0;

	if (event == 0)
		event = inv_wait_event_new("InventoryWorker");
	(void) inv_webhook_wait(ms, event);
}

static void
loop(void)
{
	MemoryContext context = AllocSetContextCreate(TopMemoryContext,
												  "inventory worker",
												  ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		long		ms;

		/* from here on, whoever wakes us is not overlooked */
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		reload_settings();
		MemoryContextSwitchTo(context);
		ms = run_due_verbs(context);
		inv_shmem_note_loop();
		if (ms == 0)
			continue;
		pgstat_report_stat(true);
		pgstat_report_activity(STATE_IDLE, NULL);
		wait_for_work(ms);
	}
}

void
inv_worker_main(Datum arg)
{
	Oid			database = DatumGetObjectId(arg);

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	/* connecting is a transaction; what the database says comes with it */
	inv_worker_override_settings();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);

	/*
	 * First the pid, then the lock: whoever wants the database to be empty
	 * takes the lock, and signals until it has it.
	 */
	if (!inv_shmem_join(database) || !inv_shmem_lock_worker(database, true))
		proc_exit(0);
	inv_worker_override_settings();
	loop();
}
