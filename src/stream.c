/*
 * stream.c
 *		The change stream as SQL and the worker see it: slots and heartbeats.
 *
 * A slot is the server's.  inv_stream_create() makes one by the server's own
 * function, as the caller: who may is the server's to say (REPLICATION), and an
 * EXECUTE that an administrator took away from that function is not given back
 * here.  As the owner of the extension, often a superuser, every caller could
 * make slots, and with one that nobody reads fill the disk.
 *
 * Heartbeats.  A slot keeps the log from what its reader confirmed, and a reader
 * confirms what it got: where nothing is sold but a neighbour database writes, it
 * gets nothing, and the log grows.  So the worker writes a message into the log,
 * which the output plugin makes a line.  It does so only
 *
 * - if a slot of this plugin is in this database: that is looked up in shared
 *	 memory, without a transaction;
 * - if a transaction id was given out since the last heartbeat, or
 *	 the log grew by MOVED_BYTES.  A heartbeat needs no transaction id, and
 *	 neither do checkpoints and the like, of which one may follow from it: so a
 *	 server that rests is left in peace.
 *
 * The last heartbeats, with their positions, are remembered in shared memory: how
 * late a reader is, is told by the oldest that it has not confirmed.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "replication/message.h"
#include "replication/slot.h"
#include "storage/spin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "argument.h"
#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "plan.h"
#include "shmem.h"
#include "stream.h"

#define PLUGIN "inventory"
#define MESSAGE "heartbeat"

/* of log without a transaction id that deserve a heartbeat */
#define MOVED_BYTES (1024 * 1024)

/* a reader that is so late is not well */
#define LATE_MS (60 * 1000)

PG_FUNCTION_INFO_V1(inv_stream_create);
PG_FUNCTION_INFO_V1(inv_stream_status);

/* ---------- making a slot ---------- */

static void
require_primary(void)
{
	if (!RecoveryInProgress())
		return;
	ereport(ERROR,
			(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
			 errmsg("a change stream begins on the primary, and this is a "
					"standby"),
			 inv_errdetail("function:s", "inv_stream_create"),
			 errhint("Call inv_stream_create() on the primary.")));
}

static void
require_wal_level(void)
{
	if (wal_level >= WAL_LEVEL_LOGICAL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the server does not log what a change stream needs"),
			 inv_errdetail("setting:s value:s", "wal_level",
						   GetConfigOption("wal_level", false, false)),
			 errhint("Set wal_level = logical, and restart the server.")));
}

/* require_plugin - some releases ask which libraries may be named */
static void
require_plugin(void)
{
	const char *allowed = GetConfigOption("output_plugin_libraries", true,
										  false);
	List	   *names;
	ListCell   *cell;

	if (allowed == NULL || !SplitGUCList(pstrdup(allowed), ',', &names))
		return;
	foreach(cell, names)
		if (strcmp(lfirst(cell), PLUGIN) == 0 || strcmp(lfirst(cell), "*") == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the server does not let \"%s\" be an output plugin",
					PLUGIN),
			 inv_errdetail("setting:s value:s", "output_plugin_libraries",
						   allowed),
			 errhint("Add inventory to output_plugin_libraries, and reload the "
					 "configuration.")));
}

static void
require_new_name(const char *name)
{
	if (SearchNamedReplicationSlot(name, true) == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("there is a replication slot \"%s\" already", name),
			 inv_errdetail("argument:s value:s", "name", name),
			 errhint("Read from it, choose another name, or, if nobody reads it "
					 "any more, drop it with pg_drop_replication_slot().")));
}

/* free_slots - how many more there may be */
static int
free_slots(void)
{
	int			count = 0;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots; i++)
		count += !ReplicationSlotCtl->replication_slots[i].in_use;
	LWLockRelease(ReplicationSlotControlLock);
	return count;
}

static void
require_room(void)
{
	if (free_slots() > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("all replication slots are in use"),
			 inv_errdetail("setting:s value:i", "max_replication_slots",
						   (int64) max_replication_slots),
			 errhint("Drop one that nobody reads (see pg_replication_slots), or "
					 "raise max_replication_slots and restart the server.")));
}

/*
 * create_slot - by the server's function, with the caller's rights
 *
 * Its two columns are those of the result.
 */
static void
create_slot(const char *name, ReturnSetInfo *rsinfo)
{
	Oid			types[1] = {TEXTOID};
	Datum		values[1] = {CStringGetTextDatum(name)};
	Datum		row[2];
	bool		nulls[2];

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (SPI_execute_with_args(INV_CREATE_SLOT, 1, types, values, NULL, false,
							  0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "the server made no slot");
	heap_deform_tuple(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, row,
					  nulls);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, row, nulls);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

Datum
inv_stream_create(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	InvCall		call;
	const char *name;

	inv_call_begin(&call, fcinfo, "inv_stream_create");
	name = text_to_cstring(inv_call_text(&call, 0, "name", NAMEDATALEN - 1));
	require_primary();
	require_wal_level();
	require_plugin();
	require_new_name(name);
	require_room();
	InitMaterializedSRF(fcinfo, 0);
	create_slot(name, rsinfo);
	return (Datum) 0;
}

/* ---------- how slots are ---------- */

typedef enum Column
{
	SLOT,
	ACTIVE,
	PID,
	CONFIRMED_LSN,
	LAG_BYTES,
	LAG_MS,
	RETAINED_BYTES,
	LEFT_BYTES,
	WAL_STATUS,
	HEALTHY,
	ADVICE,
	COLUMNS
} Column;

static InvPlan slots_plan = {
	.sql =
	"WITH server AS ("
	"  SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"
	"    ELSE pg_current_wal_lsn() END AS lsn"
	") "
	"SELECT s.slot_name::text, s.active, s.active_pid, s.confirmed_flush_lsn,"
	"  (greatest(v.lsn, s.confirmed_flush_lsn) - s.confirmed_flush_lsn)::bigint,"
	"  NULL::bigint,"
	"  (greatest(v.lsn, s.restart_lsn) - s.restart_lsn)::bigint,"
	"  s.safe_wal_size,"
	"  s.wal_status, NULL::boolean, NULL::text"
	" FROM pg_replication_slots s, server v"
	" WHERE s.plugin = '" PLUGIN "' AND s.datoid = $1"
	" ORDER BY 1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {OIDOID}
};

/*
 * lag_ms - for how long the reader has owed us the confirmation of a heartbeat
 *
 * No more than the truth, and less by no more than the time between two
 * heartbeats that are remembered.  Null if none was ever written.
 */
static NullableDatum
lag_ms(const InvWorkerState *state, XLogRecPtr confirmed)
{
	NullableDatum lag = {Int64GetDatum(0), state->beat_count == 0};

	for (int i = 0; i < state->beat_count; i++)
	{
		const InvBeat *beat = &state->beats[i];
		long		ms;

		if (beat->lsn <= confirmed)
			continue;
		ms = TimestampDifferenceMilliseconds(beat->at, GetCurrentTimestamp());
		lag.value = Int64GetDatum(ms);
		break;
	}
	return lag;
}

/* advice - what is to be done, or null: the slot is well */
static const char *
advice(const Datum *values, const bool *nulls)
{
	const char *name = quote_literal_cstr(TextDatumGetCString(values[SLOT]));
	const char *status = nulls[WAL_STATUS] ? "" :
	TextDatumGetCString(values[WAL_STATUS]);

	if (strcmp(status, "lost") == 0)
		return psprintf("It is lost: the server has removed the log that it "
						"needed. SELECT pg_drop_replication_slot(%s), make it "
						"anew with inv_stream_create(%s), and let caches forget "
						"all; consumers of movements catch up with "
						"inv_changes_since().", name, name);
	if (!DatumGetBool(values[ACTIVE]))
		return psprintf("Nobody reads it, and the server keeps its log for it: "
						"start its reader, or SELECT "
						"pg_drop_replication_slot(%s).", name);
	if (strcmp(status, "unreserved") == 0 ||
		(!nulls[LEFT_BYTES] && !nulls[RETAINED_BYTES] &&
		 DatumGetInt64(values[LEFT_BYTES]) <
		 DatumGetInt64(values[RETAINED_BYTES]) / 3))
		return "It is about to be lost: its reader must become faster at once, "
			"or max_slot_wal_keep_size greater.";
	if (!nulls[LAG_MS] && DatumGetInt64(values[LAG_MS]) > LATE_MS)
		return psprintf("Its reader, pid %d, is late: see what it waits for, "
						"there and in pg_stat_replication.",
						DatumGetInt32(values[PID]));
	return NULL;
}

static void
put_slot(ReturnSetInfo *rsinfo, HeapTuple row, const InvWorkerState *state)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
	NullableDatum lag;
	const char *what_to_do;

	heap_deform_tuple(row, SPI_tuptable->tupdesc, values, nulls);
	lag = lag_ms(state, nulls[CONFIRMED_LSN] ? InvalidXLogRecPtr :
				 DatumGetLSN(values[CONFIRMED_LSN]));
	values[LAG_MS] = lag.value;
	nulls[LAG_MS] = lag.isnull;
	what_to_do = advice(values, nulls);
	values[HEALTHY] = BoolGetDatum(what_to_do == NULL);
	nulls[HEALTHY] = false;
	nulls[ADVICE] = what_to_do == NULL;
	if (what_to_do)
		values[ADVICE] = CStringGetTextDatum(what_to_do);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

Datum
inv_stream_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvWorkerState *state = palloc0(sizeof(InvWorkerState));
	Datum		database = ObjectIdGetDatum(MyDatabaseId);
	InvPlanScope scope;
	uint64		rows;

	(void) inv_shmem_read(MyDatabaseId, state);
	InitMaterializedSRF(fcinfo, 0);
	inv_catalogue_check(rsinfo->setDesc, COLUMNS, "inv_stream_state");
	inv_plan_begin(&scope, cat);
	rows = inv_plan_run(&scope, &slots_plan, &database, NULL, 0);
	for (uint64 i = 0; i < rows; i++)
		put_slot(rsinfo, SPI_tuptable->vals[i], state);
	inv_plan_end(&scope);
	return (Datum) 0;
}

/* ---------- heartbeats ---------- */

/* The last heartbeat of this worker */
typedef struct Beat
{
	TimestampTz at;				/* 0: there was none */
	XLogRecPtr	lsn;			/* its end */
	FullTransactionId next_xid;
} Beat;

/* is_ours - a slot by which somebody may follow this database */
static bool
is_ours(ReplicationSlot *slot)
{
	bool		ours;

	if (!slot->in_use)
		return false;
	SpinLockAcquire(&slot->mutex);
	ours = slot->data.database == MyDatabaseId &&
		strcmp(NameStr(slot->data.plugin), PLUGIN) == 0 &&
		!inv_slot_is_lost(slot);
	SpinLockRelease(&slot->mutex);
	return ours;
}

static bool
has_slot(void)
{
	bool		found = false;

	LWLockAcquire(ReplicationSlotControlLock, LW_SHARED);
	for (int i = 0; i < max_replication_slots && !found; i++)
		found = is_ours(&ReplicationSlotCtl->replication_slots[i]);
	LWLockRelease(ReplicationSlotControlLock);
	return found;
}

/* is_due - has something happened since, and time passed? */
static bool
is_due(const Beat *last, TimestampTz now)
{
	if (last->at == 0)
		return true;
	if (!TimestampDifferenceExceeds(last->at, now, inv_stream_heartbeat))
		return false;
	return !FullTransactionIdEquals(last->next_xid,
									ReadNextFullTransactionId()) ||
		GetXLogInsertRecPtr() - last->lsn >= MOVED_BYTES;
}

/*
 * beat - into the log, and to disk: only from there is it read
 *
 * What happened before is told by it, what happens meanwhile by the next one.
 */
static void
beat(Beat *last, TimestampTz now)
{
	last->at = now;
	last->next_xid = ReadNextFullTransactionId();
	last->lsn = inv_emit_message(PLUGIN, MESSAGE, strlen(MESSAGE));
	XLogFlush(last->lsn);
	inv_shmem_note_beat(last->lsn, now);
}

long
inv_stream_beat(void)
{
	static Beat last = {0};
	TimestampTz now = GetCurrentTimestamp();

	if (inv_stream_heartbeat == 0 || !has_slot())
	{
		last.at = 0;
		return inv_worker_nap;
	}
	if (is_due(&last, now))
		beat(&last, now);
	return Min(inv_worker_nap, inv_stream_heartbeat);
}
