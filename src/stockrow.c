/*
 * stockrow.c
 *		Finding, making, locking and writing rows of inv_stock, beneath SQL.
 *
 * One row version is at hand at a time: whoever works on many rows keeps where
 * they are, or copies, not their pages.
 *
 * Where a row was found last is remembered, see place.c.  What is found there
 * is the row if the snapshot sees it and it has the key: at most one version
 * does.  Else the index is asked.
 *
 * What an update by SQL would do is done here: locks, the snapshot rules of
 * each isolation level, index entries, and what columns and checks of others
 * ask for.  Users' triggers, rules and policies do not take part.
 *
 * Locks: the table lock that the caller names, and the row lock of an update,
 * both to the end of the transaction.
 *
 * Whoever finds a row contended first takes a heavyweight lock on its stock_id,
 * to the end of the transaction.  A row lock belongs to a version of the row:
 * when a popular row gets its next version, all who wait for the old one wake
 * up, only to wait again for the new one.  The stock_id stays, so of those who
 * queue for it one wakes up, and finds the row free.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "alert.h"
#include "bundle.h"
#include "compat.h"
#include "errors.h"
#include "place.h"
#include "stockrow.h"

void
inv_stockrow_open(InvStockTable *table, const InvCatalogue *cat,
				  LOCKMODE lockmode)
{
	/* inv_catalogue_get() has locked it */
	table->rel = table_open(cat->stock, NoLock);
	table->key = index_open(cat->stock_key, lockmode);
	table->snapshot = GetActiveSnapshot();
	table->crosscheck = InvalidSnapshot;
	table->scan = NULL;
	table->fetch = NULL;
	table->blocks = 0;
	table->slot = table_slot_create(table->rel, NULL);
	table->next = NULL;
	inv_catalogue_check(RelationGetDescr(table->rel), INV_STOCK_COLUMNS,
						"inv_stock");
}

static void
end_scan(InvStockTable *table)
{
	if (table->scan)
		index_endscan(table->scan);
	table->scan = NULL;
}

void
inv_stockrow_close(InvStockTable *table)
{
	end_scan(table);
	if (table->fetch)
		table_index_fetch_end(table->fetch);
	ExecDropSingleTupleTableSlot(table->slot);
	if (table->next)
		ExecDropSingleTupleTableSlot(table->next);
	index_close(table->key, NoLock);
	table_close(table->rel, NoLock);
}

void
inv_stockrow_renew(InvStockTable *table)
{
	end_scan(table);
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	table->snapshot = GetActiveSnapshot();
}

/* has_key - is the version at hand one of this row? */
static bool
has_key(InvStockTable *table, const text *sku, const text *location)
{
	Datum	   *values = table->slot->tts_values;

	slot_getsomeattrs(table->slot, INV_STOCK_LOCATION + 1);
	return inv_text_compare(DatumGetTextPP(values[INV_STOCK_SKU]), sku) == 0 &&
		inv_text_compare(DatumGetTextPP(values[INV_STOCK_LOCATION]), location) == 0;
}

/* find_at - is the row still where it was found before? */
static bool
find_at(InvStockTable *table, ItemPointerData tid, const text *sku,
		const text *location)
{
	bool		again = false;

	/* vacuum may have cut the table, but not while we have it open */
	if (table->blocks == 0)
		table->blocks = RelationGetNumberOfBlocks(table->rel);
	if (ItemPointerGetBlockNumber(&tid) >= table->blocks)
		return false;
	if (table->fetch == NULL)
		table->fetch = inv_table_index_fetch_begin(table->rel);
	return table_index_fetch_tuple(table->fetch, &tid, table->snapshot,
								   table->slot, &again, NULL) &&
		has_key(table, sku, location);
}

/* find_by_key - asks the index; *tid: where all versions can be reached from */
static bool
find_by_key(InvStockTable *table, text *sku, text *location,
			ItemPointerData *tid)
{
	ScanKeyData keys[2];
	ItemPointer found;

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(sku));
	ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(location));
	if (table->scan == NULL)
		table->scan = inv_index_beginscan(table->rel, table->key,
										  table->snapshot, 2);
	index_rescan(table->scan, keys, 2, NULL, 0);
	while ((found = index_getnext_tid(table->scan, ForwardScanDirection)))
	{
		*tid = *found;
		if (index_fetch_heap(table->scan, table->slot))
			return true;
	}
	return false;
}

bool
inv_stockrow_find(InvStockTable *table, text *sku, text *location)
{
	uint32		hash = inv_place_hash(sku, location);
	ItemPointerData tid;

	/* a serializable transaction must leave its marks in the index */
	if (!IsolationIsSerializable() && inv_place_recall(hash, &tid) &&
		find_at(table, tid, sku, location))
		return true;
	if (!find_by_key(table, sku, location, &tid))
		return false;
	inv_place_note(hash, &tid);
	return true;
}

static void
set_limit(InvStockUpdate *update, int column, NullableDatum limit)
{
	inv_stockrow_set(update, column, limit.value);
	update->nulls[column] = limit.isnull;
}

void
inv_stockrow_set_item_limits(InvStockUpdate *update, const InvItem *item)
{
	inv_stockrow_set(update, INV_STOCK_SAFETY_STOCK,
					 Int64GetDatum(item->safety_stock));
	inv_stockrow_set(update, INV_STOCK_BACKORDER_LIMIT,
					 Int64GetDatum(item->backorder_limit));
	set_limit(update, INV_STOCK_REORDER_POINT, item->reorder_point);
	set_limit(update, INV_STOCK_TARGET_LEVEL, item->target_level);
}

InvStatus
inv_stockrow_imagine(const InvCatalogue *cat, text *sku, text *location,
					 InvStock *stock)
{
	InvItem		item;

	if (!inv_item_find(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	if (!inv_location_exists(cat, location))
		return INV_UNKNOWN_LOCATION;
	if (inv_bundle_exists(cat, sku))
		return INV_BUNDLE;

	memset(stock, 0, sizeof(*stock));
	stock->safety_stock = item.safety_stock;
	stock->backorder_limit = item.backorder_limit;
	stock->active = item.active;
	return INV_OK;
}

/*
 * insert_row - makes a row of these columns, unless its key exists; answers
 * whether it did
 */
static bool
insert_row(InvStockTable *table, const InvCatalogue *cat,
		   InvStockUpdate *columns)
{
	TupleTableSlot *slot = table_slot_create(table->rel, NULL);
	ItemPointerData existing;
	int64		stock_id = nextval_internal(cat->stock_id_seq, false);
	bool		made;

	inv_stockrow_set(columns, INV_STOCK_STOCK_ID, Int64GetDatum(stock_id));
	memcpy(slot->tts_values, columns->values, sizeof(columns->values));
	memcpy(slot->tts_isnull, columns->nulls, sizeof(columns->nulls));
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(table->rel, slot, INV_STOCK_COLUMNS);
	made = inv_access_insert_if_new(table->rel, slot, &existing);
	ExecDropSingleTupleTableSlot(slot);
	CommandCounterIncrement();
	return made;
}

/*
 * create_row - makes the row, unless somebody else just does
 *
 * Item and location are locked until the new row is committed: else a
 * concurrent change of them would not find the row that it has to bring its
 * news to, and a bundle might come to have stock.
 */
static InvStatus
create_row(InvStockTable *table, const InvCatalogue *cat, text *sku,
		   text *location, bool *made)
{
	InvItem		item;
	InvStockUpdate row;

	if (!inv_location_lock(cat, location))
		return INV_UNKNOWN_LOCATION;
	if (!inv_item_lock(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	/* it was none when the row was looked for */
	if (inv_bundle_exists(cat, sku))
		return INV_BUNDLE;

	inv_stockrow_set(&row, INV_STOCK_SKU, PointerGetDatum(sku));
	inv_stockrow_set(&row, INV_STOCK_LOCATION, PointerGetDatum(location));
	inv_stockrow_set(&row, INV_STOCK_ON_HAND, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_RESERVED, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_VERSION, Int64GetDatum(0));
	inv_stockrow_set_item_limits(&row, &item);
	inv_stockrow_set(&row, INV_STOCK_QUIET_FROM,
					 Int64GetDatum(INV_ALERT_UNDECIDED_FROM));
	inv_stockrow_set(&row, INV_STOCK_QUIET_TO,
					 Int64GetDatum(INV_ALERT_UNDECIDED_TO));
	inv_stockrow_set(&row, INV_STOCK_ALERT_STATE,
					 Int16GetDatum(INV_ALERT_OK));
	inv_stockrow_set(&row, INV_STOCK_OWN_LIMITS, BoolGetDatum(false));
	inv_stockrow_set(&row, INV_STOCK_ACTIVE, BoolGetDatum(item.active));
	inv_stockrow_set(&row, INV_STOCK_HOT, BoolGetDatum(false));
	inv_stockrow_set(&row, INV_STOCK_FOLDED_EPOCH, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_FOLDED_TO_ID, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_OPEN_EPOCHS,
					 PointerGetDatum(construct_empty_array(INT8OID)));
	*made = insert_row(table, cat, &row);
	return INV_OK;
}

InvStatus
inv_stockrow_make(InvStockTable *table, const InvCatalogue *cat, text *sku,
				  text *location, bool *made)
{
	InvStatus	status = create_row(table, cat, sku, location, made);

	if (status != INV_OK)
		return status;
	inv_stockrow_renew(table);
	/* somebody else's row, and the isolation level forbids to see it */
	if (!inv_stockrow_find(table, sku, location))
		inv_raise_serialization_failure();
	return INV_OK;
}

void
inv_stockrow_unmake(InvStockTable *table, ItemPointer tid)
{
	simple_table_tuple_delete(table->rel, tid, table->snapshot);
}

void
inv_stockrow_read(InvStockTable *table, InvStock *stock)
{
	Datum	   *values;

	slot_getsomeattrs(table->slot, INV_STOCK_ACTIVE + 1);
	values = table->slot->tts_values;
	stock->stock_id = DatumGetInt64(values[INV_STOCK_STOCK_ID]);
	stock->on_hand = DatumGetInt64(values[INV_STOCK_ON_HAND]);
	stock->reserved = DatumGetInt64(values[INV_STOCK_RESERVED]);
	stock->version = DatumGetInt64(values[INV_STOCK_VERSION]);
	stock->safety_stock = DatumGetInt64(values[INV_STOCK_SAFETY_STOCK]);
	stock->backorder_limit = DatumGetInt64(values[INV_STOCK_BACKORDER_LIMIT]);
	stock->own_limits = DatumGetBool(values[INV_STOCK_OWN_LIMITS]);
	stock->active = DatumGetBool(values[INV_STOCK_ACTIVE]);
}

bool
inv_stockrow_is_contended(InvStockTable *table)
{
	BufferHeapTupleTableSlot *heap_slot =
	(BufferHeapTupleTableSlot *) table->slot;
	HeapTupleHeader header = heap_slot->base.tuple->t_data;
	uint16		infomask;
	TransactionId xmax = InvalidTransactionId;

	/* of a version of our own nobody else can be ahead, only lock its key */
	if (TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)))
		return false;

	/* xmax may be a multixact, which must never be looked up as a transaction */
	LockBuffer(heap_slot->buffer, BUFFER_LOCK_SHARE);
	infomask = header->t_infomask;
	if (!(infomask & HEAP_XMAX_INVALID) &&
		!((infomask & HEAP_XMAX_IS_MULTI) && HEAP_XMAX_IS_LOCKED_ONLY(infomask)))
		xmax = HeapTupleHeaderGetUpdateXid(header);
	LockBuffer(heap_slot->buffer, BUFFER_LOCK_UNLOCK);

	if (!TransactionIdIsNormal(xmax) ||
		TransactionIdIsCurrentTransactionId(xmax))
		return false;
	/* who only locked it has left nothing behind, once he is gone */
	return TransactionIdIsInProgress(xmax) ||
		(!HEAP_XMAX_IS_LOCKED_ONLY(infomask) && TransactionIdDidCommit(xmax));
}

void
inv_stockrow_queue(InvStockTable *table, int64 stock_id)
{
	LOCKTAG		tag;

	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, RelationGetRelid(table->rel),
					   (uint32) stock_id, (uint16) (stock_id >> 32));
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

bool
inv_stockrow_lock(InvStockTable *table, ItemPointerData tid, bool wait)
{
	TM_FailureData failure;
	TM_Result	result;
	uint8		flags = IsolationUsesXactSnapshot() ? 0 :
	TUPLE_LOCK_FLAG_FIND_LAST_VERSION;

	result = table_tuple_lock(table->rel, &tid, table->snapshot,
							  table->slot,
							  GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive,
							  wait ? LockWaitBlock : LockWaitSkip, flags,
							  &failure);
	if (result == TM_Updated || result == TM_Deleted)
		inv_raise_serialization_failure();
	if (result != TM_Ok && (wait || result != TM_WouldBlock))
		elog(ERROR, "unexpected result %d of locking a stock row", result);
	return result == TM_Ok;
}

HeapTuple
inv_stockrow_copy(InvStockTable *table)
{
	return ExecCopySlotHeapTuple(table->slot);
}

/* begin_next - the slot for a successor, empty */
static TupleTableSlot *
begin_next(InvStockTable *table)
{
	if (table->next == NULL)
		table->next = MakeSingleTupleTableSlot(RelationGetDescr(table->rel),
											   &TTSOpsHeapTuple);
	return ExecClearTuple(table->next);
}

/* write_next - makes the next slot the successor of the version at tid */
static bool
write_next(InvStockTable *table, ItemPointerData tid)
{
	InvUpdateIndexes update_indexes;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;

	inv_access_complete_version(table->rel, table->next);
	result = inv_table_tuple_update(table->rel, &tid, table->next,
									GetCurrentCommandId(true),
									table->snapshot, table->crosscheck,
									&failure, &lockmode, &update_indexes);
	if (result == TM_Ok && !inv_update_indexes_none(update_indexes))
		inv_access_update_entries(table->rel, table->next,
								  inv_update_indexes_summarizing(update_indexes));
	if (result == TM_Ok)
		return true;
	if (result != TM_Updated && result != TM_Deleted)
		elog(ERROR, "unexpected result %d of updating a stock row", result);
	if (IsolationUsesXactSnapshot())
		inv_raise_serialization_failure();
	(void) inv_stockrow_lock(table, tid, true);
	return false;
}

bool
inv_stockrow_write(InvStockTable *table, const InvStockUpdate *update)
{
	TupleTableSlot *slot = table->slot;
	TupleTableSlot *next = begin_next(table);
	int			natts = slot->tts_tupleDescriptor->natts;

	slot_getallattrs(slot);
	for (int i = 0; i < natts; i++)
	{
		bool		replace = i < INV_STOCK_COLUMNS && update->replace[i];

		next->tts_values[i] =
			replace ? update->values[i] : slot->tts_values[i];
		next->tts_isnull[i] =
			replace ? update->nulls[i] : slot->tts_isnull[i];
	}
	ExecStoreVirtualTuple(next);
	return write_next(table, slot->tts_tid);
}

bool
inv_stockrow_write_counts(InvStockTable *table, HeapTuple version,
						  const InvStock *next)
{
	ItemPointerData tid = version->t_self;
	InvStockFixed *fixed = inv_stockrow_fixed(version);

	fixed->on_hand = next->on_hand;
	fixed->reserved = next->reserved;
	fixed->version = next->version;
	ExecStoreHeapTuple(version, begin_next(table), false);
	return write_next(table, tid);
}
