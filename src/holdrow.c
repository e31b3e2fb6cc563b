/*
 * holdrow.c
 *		The rows of holds and of their lines, beneath SQL.
 *
 * As inv_request they are written directly, so that a trigger can refuse every
 * SQL statement that would.  They are looked for as of now, whatever the
 * isolation level: then what the transaction may not see is told by 40001, and
 * not taken for missing.
 *
 * Who has locked the row of a hold may read and write its lines.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "compat.h"
#include "errors.h"
#include "holdrow.h"
#include "plan.h"

/* The columns of inv_hold, counted from zero */
enum
{
	HOLD_ID,
	HOLD_XID,
	HOLD_BRANCH,
	HOLD_STATE,
	HOLD_ON_EXPIRY,
	HOLD_EXPIRES_AT,
	HOLD_DIGEST,
	HOLD_QUANTITIES,
	HOLD_CONFIRMED,
	HOLD_REFERENCE,
	HOLD_OWNER,
	HOLD_CREATED_AT,
	HOLD_DECIDED_AT,
	HOLD_STATUS,
	HOLD_LINE,
	HOLD_SKU,
	HOLD_LOCATION,
	HOLD_REQUESTED,
	HOLD_AVAILABLE,
	HOLD_COLUMNS
};

/* The columns of inv_hold_line, counted from zero */
enum
{
	LINE_HOLD_ID,
	LINE_POSITION,
	LINE_LINE,
	LINE_UNITS,
	LINE_STOCK_ID,
	LINE_SKU,
	LINE_LOCATION,
	LINE_QUANTITY,
	LINE_CONFIRMED,
	LINE_HELD,
	LINE_COLUMNS
};

static const char *const state_names[INV_HOLD_STATES] = {
	[INV_HELD] = "held",
	[INV_CONFIRMED] = "confirmed",
	[INV_CANCELLED] = "cancelled",
	[INV_EXPIRED] = "expired",
	[INV_REFUSED] = "refused"
};

static const char *const on_expiry_names[INV_ON_EXPIRIES] = {
	[INV_RELEASE] = "release",
	[INV_KEEP] = "keep",
	[INV_REACQUIRE] = "reacquire"
};

/* the order is that of the index */
static InvPlan expired_plan = {
	.sql = "SELECT ctid FROM @inv_hold"
	" WHERE decided_at IS NULL AND state = 'held'"
	" AND (on_expiry = 'keep') = false AND expires_at <= $1"
	" ORDER BY (on_expiry = 'keep'), expires_at LIMIT $2"
	" FOR NO KEY UPDATE SKIP LOCKED",
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT8OID}
};

const char *
inv_hold_state_name(InvHoldState state)
{
	return state_names[state];
}

bool
inv_on_expiry_from_name(const char *name, InvOnExpiry *on_expiry)
{
	for (int i = 0; i < INV_ON_EXPIRIES; i++)
		if (strcmp(name, on_expiry_names[i]) == 0)
		{
			*on_expiry = (InvOnExpiry) i;
			return true;
		}
	return false;
}

static InvHoldState
state_from_name(const char *name)
{
	for (int i = 0; i < INV_HOLD_STATES; i++)
		if (strcmp(name, state_names[i]) == 0)
			return (InvHoldState) i;
	elog(ERROR, "unknown state \"%s\" of a hold", name);
}

/* ---------- holds ---------- */

static Relation
open_holds(const InvCatalogue *cat)
{
	Relation	rel = table_open(cat->hold, RowExclusiveLock);

	inv_catalogue_check(RelationGetDescr(rel), HOLD_COLUMNS, "inv_hold");
	return rel;
}

static void
set(TupleTableSlot *slot, int column, Datum value, bool isnull)
{
	slot->tts_values[column] = value;
	slot->tts_isnull[column] = isnull;
}

static void
set_pointer(TupleTableSlot *slot, int column, const void *value)
{
	set(slot, column, PointerGetDatum(value), value == NULL);
}

static void
set_time(TupleTableSlot *slot, int column, TimestampTz value)
{
	set(slot, column, TimestampTzGetDatum(value), value == DT_NOBEGIN);
}

static void
fill_refusal(TupleTableSlot *slot, const InvOutcome *refusal)
{
	bool		none = refusal->status == INV_OK;

	set(slot, HOLD_STATUS,
		CStringGetTextDatum(inv_status_name(refusal->status)), none);
	set(slot, HOLD_LINE, Int32GetDatum(refusal->line), none);
	set_pointer(slot, HOLD_SKU, none ? NULL : refusal->sku);
	set_pointer(slot, HOLD_LOCATION, none ? NULL : refusal->location);
	set(slot, HOLD_REQUESTED, Int64GetDatum(refusal->requested), none);
	set(slot, HOLD_AVAILABLE, Int64GetDatum(refusal->available),
		none || !refusal->stock_known);
}

static void
fill_hold(TupleTableSlot *slot, const InvHold *hold)
{
	ExecClearTuple(slot);
	set(slot, HOLD_ID, Int64GetDatum(hold->hold_id), false);
	set_pointer(slot, HOLD_XID, hold->xid);
	set_pointer(slot, HOLD_BRANCH, hold->branch);
	set(slot, HOLD_STATE, CStringGetTextDatum(state_names[hold->state]),
		false);
	set(slot, HOLD_ON_EXPIRY,
		CStringGetTextDatum(on_expiry_names[hold->on_expiry]), false);
	set_time(slot, HOLD_EXPIRES_AT, hold->expires_at);
	set(slot, HOLD_DIGEST, hold->digest, hold->digest == (Datum) 0);
	set(slot, HOLD_QUANTITIES, hold->quantities,
		hold->quantities == (Datum) 0);
	set(slot, HOLD_CONFIRMED, hold->confirmed, hold->confirmed == (Datum) 0);
	set_pointer(slot, HOLD_REFERENCE, hold->reference);
	set_pointer(slot, HOLD_OWNER, hold->owner);
	set_time(slot, HOLD_CREATED_AT, hold->created_at);
	set_time(slot, HOLD_DECIDED_AT, hold->decided_at);
	fill_refusal(slot, &hold->refusal);
	ExecStoreVirtualTuple(slot);
}

bool
inv_holdrow_insert(const InvCatalogue *cat, InvHold *hold)
{
	Relation	rel;
	TupleTableSlot *slot;
	bool		inserted;

	CommandCounterIncrement();
	rel = open_holds(cat);
	hold->hold_id = nextval_internal(cat->hold_id_seq, false);
	slot = table_slot_create(rel, NULL);
	fill_hold(slot, hold);
	inv_access_fill_defaults(rel, slot, HOLD_COLUMNS);
	inserted = inv_access_insert_if_new(rel, slot, &hold->tid);
	if (inserted)
		hold->tid = slot->tts_tid;
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return inserted;
}

static text *
get_text(const Datum *values, const bool *nulls, int column)
{
	return nulls[column] ? NULL : DatumGetTextPP(values[column]);
}

static TimestampTz
get_time(const Datum *values, const bool *nulls, int column)
{
	return nulls[column] ? DT_NOBEGIN : DatumGetTimestampTz(values[column]);
}

static Datum
get_array(const Datum *values, const bool *nulls, int column)
{
	return nulls[column] ? (Datum) 0 : values[column];
}

static void
read_refusal(const Datum *values, const bool *nulls, InvOutcome *refusal)
{
	memset(refusal, 0, sizeof(*refusal));
	if (nulls[HOLD_STATUS])
		return;
	refusal->status =
		inv_status_from_name(TextDatumGetCString(values[HOLD_STATUS]));
	refusal->line = DatumGetInt32(values[HOLD_LINE]);
	refusal->sku = get_text(values, nulls, HOLD_SKU);
	refusal->location = get_text(values, nulls, HOLD_LOCATION);
	refusal->requested = DatumGetInt64(values[HOLD_REQUESTED]);
	refusal->stock_known = !nulls[HOLD_AVAILABLE];
	refusal->available = DatumGetInt64(values[HOLD_AVAILABLE]);
	refusal->keep = INV_NO_KEEP;
}

/* read_columns - the first columns of a copy of the row */
static void
read_columns(TupleTableSlot *slot, int columns, Datum *values, bool *nulls)
{
	HeapTuple	copy = ExecCopySlotHeapTuple(slot);

	for (int i = 0; i < columns; i++)
		values[i] = heap_getattr(copy, i + 1, slot->tts_tupleDescriptor,
								 &nulls[i]);
}

void
inv_holdrow_refuse(const InvHold *hold)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("hold \"%s\" is not as inventory would have written it",
					text_to_cstring(hold->xid)),
			 inv_errdetail("xid:s branch:s", text_to_cstring(hold->xid),
						   text_to_cstring(hold->branch)),
			 errhint("Restore inv_hold and inv_hold_line from a dump.")));
}

/* check_hold - the owner may insert rows, as a restore does: any */
static void
check_hold(const InvHold *hold)
{
	const InvOutcome *refusal = &hold->refusal;

	if (hold->state != INV_CANCELLED &&
		(hold->digest == (Datum) 0 || hold->quantities == (Datum) 0))
		inv_holdrow_refuse(hold);
	if (hold->state == INV_CONFIRMED && hold->confirmed == (Datum) 0)
		inv_holdrow_refuse(hold);
	if (hold->state == INV_REFUSED &&
		(refusal->status == INV_OK || refusal->sku == NULL))
		inv_holdrow_refuse(hold);
}

static void
read_hold(TupleTableSlot *slot, InvHold *hold)
{
	Datum		values[HOLD_COLUMNS];
	bool		nulls[HOLD_COLUMNS];

	read_columns(slot, HOLD_COLUMNS, values, nulls);
	hold->tid = slot->tts_tid;
	hold->hold_id = DatumGetInt64(values[HOLD_ID]);
	hold->xid = get_text(values, nulls, HOLD_XID);
	hold->branch = get_text(values, nulls, HOLD_BRANCH);
	hold->state = state_from_name(TextDatumGetCString(values[HOLD_STATE]));
	if (!inv_on_expiry_from_name(TextDatumGetCString(values[HOLD_ON_EXPIRY]),
								 &hold->on_expiry))
		inv_holdrow_refuse(hold);
	hold->expires_at = get_time(values, nulls, HOLD_EXPIRES_AT);
	hold->digest = get_array(values, nulls, HOLD_DIGEST);
	hold->quantities = get_array(values, nulls, HOLD_QUANTITIES);
	hold->confirmed = get_array(values, nulls, HOLD_CONFIRMED);
	hold->reference = get_text(values, nulls, HOLD_REFERENCE);
	hold->owner = get_text(values, nulls, HOLD_OWNER);
	hold->created_at = get_time(values, nulls, HOLD_CREATED_AT);
	hold->decided_at = get_time(values, nulls, HOLD_DECIDED_AT);
	read_refusal(values, nulls, &hold->refusal);
	check_hold(hold);
}

/* check_visible - may this transaction see the version it has locked? */
static void
check_visible(Relation rel, TupleTableSlot *slot)
{
	if (!IsolationUsesXactSnapshot())
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	if (!table_tuple_satisfies_snapshot(rel, slot, GetActiveSnapshot()))
		inv_raise_serialization_failure();
	PopActiveSnapshot();
}

/*
 * lock_row - locks the newest version of the row at tid, and puts it into the
 * slot; answers TM_Ok, TM_Deleted, or, if it is not to wait, TM_WouldBlock
 */
static TM_Result
lock_row(Relation rel, ItemPointer tid, TupleTableSlot *slot,
		 LockWaitPolicy policy)
{
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(rel, tid, GetActiveSnapshot(), slot,
							  GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive, policy,
							  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	if (result != TM_Ok && result != TM_Deleted &&
		!(result == TM_WouldBlock && policy == LockWaitSkip))
		elog(ERROR, "unexpected result %d of locking a hold", result);
	if (result == TM_Ok)
		check_visible(rel, slot);
	return result;
}

bool
inv_holdrow_lock(const InvCatalogue *cat, InvHold *hold)
{
	Relation	rel;
	TupleTableSlot *slot;
	bool		locked;

	CommandCounterIncrement();
	rel = open_holds(cat);
	slot = table_slot_create(rel, NULL);
	locked = lock_row(rel, &hold->tid, slot, LockWaitBlock) == TM_Ok;
	if (locked)
		read_hold(slot, hold);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return locked;
}

bool
inv_holdrow_find(const InvCatalogue *cat, InvHold *hold)
{
	Relation	rel = open_holds(cat);
	Relation	index = index_open(cat->hold_key, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData keys[2];
	IndexScanDesc scan;
	bool		found;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(hold->xid));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(hold->branch));
	scan = inv_index_beginscan(rel, index, GetActiveSnapshot(), 2);
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	if (found)
		hold->tid = slot->tts_tid;
	index_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return found;
}

void
inv_holdrow_write(const InvCatalogue *cat, InvHold *hold)
{
	Relation	rel;
	TupleTableSlot *slot;

	CommandCounterIncrement();
	rel = open_holds(cat);
	slot = table_slot_create(rel, NULL);
	fill_hold(slot, hold);
	inv_access_keep_columns(rel, slot, &hold->tid, HOLD_COLUMNS);
	PushActiveSnapshot(GetTransactionSnapshot());
	inv_access_update_row(rel, &hold->tid, slot);
	PopActiveSnapshot();
	hold->tid = slot->tts_tid;
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

int
inv_holdrow_expired(const InvCatalogue *cat, int64 max_holds,
					InvHold **holds)
{
	InvPlanScope scope;
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[2] = {
		TimestampTzGetDatum(GetCurrentTimestamp()), Int64GetDatum(max_holds)
	};
	int			count;
	bool		isnull;

	inv_plan_begin(&scope, cat);
	count = (int) inv_plan_run(&scope, &expired_plan, values, NULL, 0);
	*holds = MemoryContextAllocHuge(caller, Max(1, count) * sizeof(InvHold));
	for (int i = 0; i < count; i++)
	{
		Datum		tid = SPI_getbinval(SPI_tuptable->vals[i],
										SPI_tuptable->tupdesc, 1, &isnull);

		(*holds)[i].tid = *(ItemPointer) DatumGetPointer(tid);
	}
	inv_plan_end(&scope);
	return count;
}

/*
 * forget_row - removes the row at tid if it was decided before
 *
 * Not if it is locked: who has it may want stock that we have, and a transaction
 * that was prepared may have it for long.
 */
static bool
forget_row(Relation rel, ItemPointerData tid, TupleTableSlot *slot,
		   TimestampTz before)
{
	Datum		decided_at;
	bool		undecided;

	if (lock_row(rel, &tid, slot, LockWaitSkip) != TM_Ok)
		return false;
	/* it may have been decided otherwise since the scan found it */
	decided_at = slot_getattr(slot, HOLD_DECIDED_AT + 1, &undecided);
	if (undecided || DatumGetTimestampTz(decided_at) >= before)
		return false;
	simple_table_tuple_delete(rel, &slot->tts_tid, GetActiveSnapshot());
	return true;
}

int64
inv_holdrow_forget(const InvCatalogue *cat, TimestampTz before)
{
	Relation	rel = open_holds(cat);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	TupleTableSlot *locked = table_slot_create(rel, NULL);
	TableScanDesc scan;
	ScanKeyData key;
	int64		forgotten = 0;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	ScanKeyInit(&key, HOLD_DECIDED_AT + 1, BTLessStrategyNumber,
				F_TIMESTAMPTZ_LT, TimestampTzGetDatum(before));
	scan = inv_table_beginscan(rel, GetActiveSnapshot(), 1, &key);
	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		CHECK_FOR_INTERRUPTS();
		if (forget_row(rel, slot->tts_tid, locked, before))
			forgotten++;
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(locked);
	ExecDropSingleTupleTableSlot(slot);
	PopActiveSnapshot();
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return forgotten;
}

/* ---------- their lines ---------- */

static Relation
open_lines(const InvCatalogue *cat)
{
	Relation	rel = table_open(cat->hold_line, RowExclusiveLock);

	inv_catalogue_check(RelationGetDescr(rel), LINE_COLUMNS, "inv_hold_line");
	return rel;
}

static void
fill_line(TupleTableSlot *slot, int64 hold_id, const InvHoldLine *line)
{
	ExecClearTuple(slot);
	set(slot, LINE_HOLD_ID, Int64GetDatum(hold_id), false);
	set(slot, LINE_POSITION, Int32GetDatum(line->position), false);
	set(slot, LINE_LINE, Int32GetDatum(line->line), false);
	set(slot, LINE_UNITS, Int64GetDatum(line->units), false);
	set(slot, LINE_STOCK_ID, Int64GetDatum(line->stock_id), false);
	set_pointer(slot, LINE_SKU, line->sku);
	set_pointer(slot, LINE_LOCATION, line->location);
	set(slot, LINE_QUANTITY, Int64GetDatum(line->quantity), false);
	set(slot, LINE_CONFIRMED, Int64GetDatum(line->confirmed), false);
	set(slot, LINE_HELD, Int64GetDatum(line->held), line->held == 0);
	ExecStoreVirtualTuple(slot);
}

static void
read_line(TupleTableSlot *slot, InvHoldLine *line)
{
	Datum		values[LINE_COLUMNS];
	bool		nulls[LINE_COLUMNS];

	read_columns(slot, LINE_COLUMNS, values, nulls);
	line->tid = slot->tts_tid;
	line->position = DatumGetInt32(values[LINE_POSITION]);
	line->line = DatumGetInt32(values[LINE_LINE]);
	line->units = DatumGetInt64(values[LINE_UNITS]);
	line->stock_id = DatumGetInt64(values[LINE_STOCK_ID]);
	line->sku = DatumGetTextPP(values[LINE_SKU]);
	line->location = DatumGetTextPP(values[LINE_LOCATION]);
	line->quantity = DatumGetInt64(values[LINE_QUANTITY]);
	line->confirmed = DatumGetInt64(values[LINE_CONFIRMED]);
	line->held = nulls[LINE_HELD] ? 0 : DatumGetInt64(values[LINE_HELD]);
}

int
inv_holdline_read(const InvCatalogue *cat, int64 hold_id,
				  InvHoldLine **lines)
{
	Relation	rel = open_lines(cat);
	Relation	index = index_open(cat->hold_line_key, AccessShareLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ScanKeyData key;
	IndexScanDesc scan;
	int			room = 4;
	int			count = 0;

	*lines = palloc(room * sizeof(InvHoldLine));
	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ,
				Int64GetDatum(hold_id));
	scan = inv_index_beginscan(rel, index, GetActiveSnapshot(), 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		if (count == room)
			*lines = repalloc(*lines, (room *= 2) * sizeof(InvHoldLine));
		read_line(slot, &(*lines)[count++]);
	}
	index_endscan(scan);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	return count;
}

void
inv_holdline_insert(const InvCatalogue *cat, int64 hold_id,
					const InvHoldLine *lines, int count)
{
	Relation	rel = open_lines(cat);
	TupleTableSlot **slots = palloc(count * sizeof(TupleTableSlot *));

	for (int i = 0; i < count; i++)
	{
		slots[i] = table_slot_create(rel, NULL);
		fill_line(slots[i], hold_id, &lines[i]);
		inv_access_fill_defaults(rel, slots[i], LINE_COLUMNS);
	}
	inv_access_insert_rows(rel, slots, count);
	for (int i = 0; i < count; i++)
		ExecDropSingleTupleTableSlot(slots[i]);
	pfree(slots);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
inv_holdline_write(const InvCatalogue *cat, int64 hold_id,
				   InvHoldLine *lines, int count)
{
	Relation	rel = open_lines(cat);
	TupleTableSlot *slot = table_slot_create(rel, NULL);

	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < count; i++)
	{
		fill_line(slot, hold_id, &lines[i]);
		inv_access_keep_columns(rel, slot, &lines[i].tid, LINE_COLUMNS);
		inv_access_update_row(rel, &lines[i].tid, slot);
		lines[i].tid = slot->tts_tid;
	}
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

void
inv_holdline_delete(const InvCatalogue *cat, const InvHoldLine *lines,
					int count)
{
	Relation	rel = open_lines(cat);

	PushActiveSnapshot(GetTransactionSnapshot());
	for (int i = 0; i < count; i++)
	{
		ItemPointerData tid = lines[i].tid;

		simple_table_tuple_delete(rel, &tid, GetActiveSnapshot());
	}
	PopActiveSnapshot();
	table_close(rel, NoLock);
	CommandCounterIncrement();
}
