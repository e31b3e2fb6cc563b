/*
 * stock.c
 *		The stock rows and their only writer.
 *
 * Invariants
 * - Every change of on hand or reserved appends one movement in the same
 *	 transaction and counts the version of the row up by one.
 * - A change that takes never leaves available below zero.
 * - A refusal changes nothing.
 *
 * The row path.  The row is found by its key, the change is decided on the
 * version that the snapshot sees and written as that version's successor.  If
 * somebody else changed the row first, the write says so after waiting for
 * him; then the newest version is locked and the change decided again on that.
 * So the decision and the write always concern the same version, and a change
 * that meets nobody costs a single update.
 *
 * The tables are accessed directly, not by SQL statements: it is faster, and
 * it lets a trigger refuse every SQL statement that would write them, whoever
 * sends it.  What an update by SQL would do is done here: locks, snapshot
 * rules of each isolation level, index entries.  Users' triggers, rules,
 * policies and generated columns on these tables do not take part.
 *
 * Locks: RowExclusiveLock on the table, the row lock of the update, both to
 * the end of the transaction.  Several rows are taken in key order.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "errors.h"
#include "guc.h"
#include "plan.h"
#include "stock.h"

/* The columns of inv_stock, counted from zero */
enum
{
	STOCK_STOCK_ID,
	STOCK_SKU,
	STOCK_LOCATION,
	STOCK_ON_HAND,
	STOCK_RESERVED,
	STOCK_VERSION,
	STOCK_SAFETY_STOCK,
	STOCK_BACKORDER_LIMIT,
	STOCK_REORDER_POINT,
	STOCK_TARGET_LEVEL,
	STOCK_OWN_LIMITS,
	STOCK_ACTIVE
};

/* The table, and one version of one of its rows */
typedef struct StockTable
{
	Relation	rel;
	Relation	key;
	Snapshot	snapshot;
	TupleTableSlot *slot;
} StockTable;

/*
 * The item is locked until the new row is committed: else a concurrent change
 * of it would not find the row that it has to bring its news to.
 */
static InvPlan lock_item_plan = {
	.sql = "SELECT FROM @inv_item WHERE sku = $1 FOR SHARE",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan create_location_plan = {
	.sql = "INSERT INTO @inv_location (location) VALUES ($1)"
	" ON CONFLICT (location) DO NOTHING",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan create_stock_plan = {
	.sql = "INSERT INTO @inv_stock (sku, location, active, safety_stock,"
	" backorder_limit, reorder_point, target_level)"
	" SELECT sku, $2, active, safety_stock, backorder_limit, reorder_point,"
	" target_level FROM @inv_item WHERE sku = $1"
	" ON CONFLICT (sku, location) DO NOTHING",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static void
open_table(StockTable *table, const InvCatalogue *cat, LOCKMODE lockmode,
		   Snapshot snapshot)
{
	table->rel = table_open(cat->stock, lockmode);
	table->key = index_open(cat->stock_key, lockmode);
	table->snapshot = snapshot;
	table->slot = table_slot_create(table->rel, NULL);
}

static void
close_table(StockTable *table)
{
	ExecDropSingleTupleTableSlot(table->slot);
	index_close(table->key, NoLock);
	table_close(table->rel, NoLock);
}

/* find_row - gets the row's visible version into the slot, if there is one */
static bool
find_row(StockTable *table, text *sku, text *location)
{
	ScanKeyData keys[2];
	IndexScanDesc scan;
	bool		found;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(sku));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(location));
	scan = inv_index_beginscan(table->rel, table->key, table->snapshot, 2);
	index_rescan(scan, keys, 2, NULL, 0);
	found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	index_endscan(scan);
	return found;
}

/* read_row - the row version in the slot */
static void
read_row(StockTable *table, InvStock *stock)
{
	Datum	   *values;

	slot_getsomeattrs(table->slot, STOCK_ACTIVE + 1);
	values = table->slot->tts_values;
	stock->stock_id = DatumGetInt64(values[STOCK_STOCK_ID]);
	stock->on_hand = DatumGetInt64(values[STOCK_ON_HAND]);
	stock->reserved = DatumGetInt64(values[STOCK_RESERVED]);
	stock->version = DatumGetInt64(values[STOCK_VERSION]);
	stock->safety_stock = DatumGetInt64(values[STOCK_SAFETY_STOCK]);
	stock->backorder_limit = DatumGetInt64(values[STOCK_BACKORDER_LIMIT]);
	stock->active = DatumGetBool(values[STOCK_ACTIVE]);
}

/* add_index_entries - for a new version that could not be heap-only */
static void
add_index_entries(StockTable *table, TupleTableSlot *slot, bool summarizing)
{
	EState	   *estate = CreateExecutorState();
	ResultRelInfo *rri = makeNode(ResultRelInfo);

	InitResultRelInfo(rri, table->rel, 0, NULL, 0);
	ExecOpenIndices(rri, false);
	inv_insert_index_tuples(rri, slot, estate, true, summarizing);
	ExecCloseIndices(rri);
	FreeExecutorState(estate);
}

/* lock_newest - gets the row's newest version into the slot, locked */
static void
lock_newest(StockTable *table)
{
	ItemPointerData tid = table->slot->tts_tid;
	TM_FailureData failure;
	TM_Result	result;

	result = table_tuple_lock(table->rel, &tid, table->snapshot, table->slot,
							  GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive, LockWaitBlock,
							  TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure);
	if (result == TM_Deleted)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent delete")));
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of locking a stock row", result);
}

/*
 * write_row - makes a successor of the row version in the slot
 *
 * The columns whose replace[] is set get the given values.  Answers false if
 * somebody else did first: then the slot holds the newest version, locked, and
 * the caller decides again.
 */
static bool
write_row(StockTable *table, const Datum *values, const bool *nulls,
		  const bool *replace)
{
	TupleDesc	desc = RelationGetDescr(table->rel);
	TupleTableSlot *next = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	InvUpdateIndexes update_indexes;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;

	slot_getallattrs(table->slot);
	for (int i = 0; i < desc->natts; i++)
	{
		next->tts_values[i] =
			replace[i] ? values[i] : table->slot->tts_values[i];
		next->tts_isnull[i] =
			replace[i] ? nulls[i] : table->slot->tts_isnull[i];
	}
	ExecStoreVirtualTuple(next);

	result = table_tuple_update(table->rel, &table->slot->tts_tid, next,
								GetCurrentCommandId(true), table->snapshot,
								InvalidSnapshot, true, &failure, &lockmode,
								&update_indexes);
	if (result == TM_Ok && !inv_update_indexes_none(update_indexes))
		add_index_entries(table, next,
						  inv_update_indexes_summarizing(update_indexes));
	ExecDropSingleTupleTableSlot(next);

	switch (result)
	{
		case TM_Ok:
			return true;
		case TM_Updated:
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				ereport(ERROR,
						(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						 errmsg("could not serialize access due to concurrent update")));
			lock_newest(table);
			return false;
		default:
			elog(ERROR, "unexpected result %d of updating a stock row",
				 result);
			return false;
	}
}

/* write_numbers - makes a successor with the given numbers, see write_row */
static bool
write_numbers(StockTable *table, const InvStock *stock)
{
	int			natts = RelationGetDescr(table->rel)->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc0(natts * sizeof(bool));
	bool	   *replace = palloc0(natts * sizeof(bool));

	values[STOCK_ON_HAND] = Int64GetDatum(stock->on_hand);
	values[STOCK_RESERVED] = Int64GetDatum(stock->reserved);
	values[STOCK_VERSION] = Int64GetDatum(stock->version);
	replace[STOCK_ON_HAND] = true;
	replace[STOCK_RESERVED] = true;
	replace[STOCK_VERSION] = true;

	return write_row(table, values, nulls, replace);
}

/* decide - may the change be made of the row as it stands? */
static InvStatus
decide(const InvChange *change, const InvStock *stock)
{
	if (!change->takes)
		return INV_OK;
	if (!stock->active)
		return INV_INACTIVE_ITEM;
	if (inv_stock_available(stock) < change->quantity)
		return INV_INSUFFICIENT_STOCK;
	return INV_OK;
}

/* check_range - raises when on hand would leave its range */
static void
check_range(const InvChange *change, const InvStock *stock)
{
	int64		on_hand = stock->on_hand + change->on_hand_delta;

	if (on_hand > INV_MAX_QUANTITY || on_hand < -INV_MAX_QUANTITY)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("on hand of \"%s\" would be out of range",
						text_to_cstring(change->sku)),
				 inv_errdetail("sku:s location:s on_hand:i quantity:i limit:i",
							   text_to_cstring(change->sku),
							   text_to_cstring(change->location),
							   stock->on_hand, change->quantity,
							   INV_MAX_QUANTITY),
				 errhint("Count the item in a larger unit.")));
}

static void
set_outcome(InvOutcome *outcome, InvStatus status, const InvChange *change,
			const InvStock *stock)
{
	outcome->status = status;
	outcome->sku = change->sku;
	outcome->location = change->location;
	outcome->quantity = change->quantity;
	outcome->stock_known = stock != NULL;
	outcome->backordered = 0;
	outcome->movement_id = 0;
	if (stock == NULL)
		return;

	outcome->on_hand = stock->on_hand;
	outcome->reserved = stock->reserved;
	outcome->available = inv_stock_available(stock);
	outcome->version = stock->version;
	if (status == INV_OK && change->takes)
		outcome->backordered =
			Max(0, Min(change->quantity, stock->reserved - stock->on_hand));
}

/* append_movement - the ledger's side of a change that was just written */
static int64
append_movement(const InvCatalogue *cat, const InvChange *change,
				const InvLabels *labels, const InvStock *stock)
{
	InvMovement movement = {
		.stock_id = stock->stock_id,
		.sku = change->sku,
		.location = change->location,
		.kind = change->kind,
		.on_hand_delta = change->on_hand_delta,
		.reserved_delta = change->reserved_delta,
		.version = stock->version
	};

	return inv_ledger_append(cat, &movement, labels);
}

/* apply_to_row - the row path, with the row's visible version in the slot */
static void
apply_to_row(StockTable *table, const InvCatalogue *cat,
			 const InvChange *change, const InvLabels *labels,
			 InvOutcome *outcome)
{
	InvStock	stock;
	InvStatus	status;

	do
	{
		read_row(table, &stock);
		status = decide(change, &stock);
		if (status != INV_OK)
		{
			set_outcome(outcome, status, change, &stock);
			return;
		}
		check_range(change, &stock);
		stock.on_hand += change->on_hand_delta;
		stock.reserved += change->reserved_delta;
		stock.version++;
	} while (!write_numbers(table, &stock));

	set_outcome(outcome, INV_OK, change, &stock);
	outcome->movement_id = append_movement(cat, change, labels, &stock);
}

/* imagine_row - the row that a first call would make, if it may make one */
static InvStatus
imagine_row(const InvCatalogue *cat, text *sku, text *location,
			InvStock *stock)
{
	InvItem		item;

	if (!inv_item_find(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	if (!inv_location_exists(cat, location))
		return INV_UNKNOWN_LOCATION;

	memset(stock, 0, sizeof(*stock));
	stock->safety_stock = item.safety_stock;
	stock->backorder_limit = item.backorder_limit;
	stock->active = item.active;
	return INV_OK;
}

/* create_row - makes the stock row, unless somebody else just does */
static void
create_row(const InvCatalogue *cat, text *sku, text *location)
{
	InvPlanScope scope;
	Datum		values[2] = {PointerGetDatum(sku), PointerGetDatum(location)};

	inv_plan_begin(&scope, cat);
	inv_plan_run(&scope, &lock_item_plan, &values[0], NULL, 0);
	if (strcmp(text_to_cstring(location), inv_default_location) == 0)
		inv_plan_run(&scope, &create_location_plan, &values[1], NULL, 0);
	inv_plan_run(&scope, &create_stock_plan, values, NULL, 0);
	inv_plan_end(&scope);
}

/*
 * find_or_create_row - gets the row's visible version into the slot
 *
 * A row that is missing is made only if the change will be made of it: a
 * refusal changes nothing.  Answers false with the outcome set then.
 */
static bool
find_or_create_row(StockTable *table, const InvCatalogue *cat,
				   const InvChange *change, InvOutcome *outcome)
{
	InvStock	stock;
	InvStatus	status;

	if (likely(find_row(table, change->sku, change->location)))
		return true;

	status = imagine_row(cat, change->sku, change->location, &stock);
	if (status != INV_OK)
	{
		set_outcome(outcome, status, change, NULL);
		return false;
	}
	status = decide(change, &stock);
	if (status != INV_OK)
	{
		set_outcome(outcome, status, change, &stock);
		return false;
	}

	create_row(cat, change->sku, change->location);
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	table->snapshot = GetActiveSnapshot();
	if (!find_row(table, change->sku, change->location))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("The item or its stock row changed meanwhile.")));
	return true;
}

void
inv_stock_apply(const InvCatalogue *cat, const InvChange *change,
				const InvLabels *labels, InvOutcome *outcome)
{
	StockTable	table;

	/* see what this transaction did so far, as a statement of its own would */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	open_table(&table, cat, RowExclusiveLock, GetActiveSnapshot());

	if (find_or_create_row(&table, cat, change, outcome))
		apply_to_row(&table, cat, change, labels, outcome);

	close_table(&table);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

InvStatus
inv_stock_read(const InvCatalogue *cat, text *sku, text *location,
			   InvStock *stock)
{
	StockTable	table;
	bool		found;

	open_table(&table, cat, AccessShareLock, GetActiveSnapshot());
	found = find_row(&table, sku, location);
	if (found)
		read_row(&table, stock);
	close_table(&table);

	return found ? INV_OK : imagine_row(cat, sku, location, stock);
}

/* follow_item_row - brings a changed item to the stock row in the slot */
static void
follow_item_row(StockTable *table, const InvItem *item,
				NullableDatum reorder_point, NullableDatum target_level)
{
	int			natts = RelationGetDescr(table->rel)->natts;
	Datum	   *values = palloc(natts * sizeof(Datum));
	bool	   *nulls = palloc0(natts * sizeof(bool));
	bool	   *replace = palloc0(natts * sizeof(bool));

	values[STOCK_ACTIVE] = BoolGetDatum(item->active);
	values[STOCK_SAFETY_STOCK] = Int64GetDatum(item->safety_stock);
	values[STOCK_BACKORDER_LIMIT] = Int64GetDatum(item->backorder_limit);
	values[STOCK_REORDER_POINT] = reorder_point.value;
	nulls[STOCK_REORDER_POINT] = reorder_point.isnull;
	values[STOCK_TARGET_LEVEL] = target_level.value;
	nulls[STOCK_TARGET_LEVEL] = target_level.isnull;
	replace[STOCK_ACTIVE] = true;

	do
	{
		bool		own_limits;

		slot_getallattrs(table->slot);
		own_limits =
			DatumGetBool(table->slot->tts_values[STOCK_OWN_LIMITS]);
		for (int i = STOCK_SAFETY_STOCK; i <= STOCK_TARGET_LEVEL; i++)
			replace[i] = !own_limits;
	} while (!write_row(table, values, nulls, replace));
}

void
inv_stock_follow_item(const InvCatalogue *cat, text *sku, const InvItem *item,
					  NullableDatum reorder_point, NullableDatum target_level)
{
	StockTable	table;
	ScanKeyData key;
	IndexScanDesc scan;

	/*
	 * The latest snapshot even where the transaction keeps an older one: a
	 * stock row that was made meanwhile must follow too.
	 */
	PushActiveSnapshot(GetLatestSnapshot());
	open_table(&table, cat, RowExclusiveLock, GetActiveSnapshot());

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(sku));
	scan = inv_index_beginscan(table.rel, table.key, table.snapshot, 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, table.slot))
		follow_item_row(&table, item, reorder_point, target_level);
	index_endscan(scan);

	close_table(&table);
	PopActiveSnapshot();
}
