/*
 * stockrow.c
 *		Finding, locking and writing rows of inv_stock, beneath SQL.
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
#include "commands/sequence.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "compat.h"
#include "errors.h"
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
	inv_catalogue_check(RelationGetDescr(table->rel), INV_STOCK_COLUMNS,
						"inv_stock");
}

void
inv_stockrow_close(InvStockTable *table)
{
	index_close(table->key, NoLock);
	table_close(table->rel, NoLock);
}

TupleTableSlot *
inv_stockrow_slot(InvStockTable *table)
{
	return table_slot_create(table->rel, NULL);
}

bool
inv_stockrow_find(InvStockTable *table, TupleTableSlot *slot, text *sku,
				  text *location)
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
	found = index_getnext_slot(scan, ForwardScanDirection, slot);
	index_endscan(scan);
	return found;
}

void
inv_stockrow_insert(InvStockTable *table, const InvCatalogue *cat,
					InvStockUpdate *columns)
{
	TupleTableSlot *slot = inv_stockrow_slot(table);
	ItemPointerData existing;
	int64		stock_id = nextval_internal(cat->stock_id_seq, false);

	inv_stockrow_set(columns, INV_STOCK_STOCK_ID, Int64GetDatum(stock_id));
	memcpy(slot->tts_values, columns->values, sizeof(columns->values));
	memcpy(slot->tts_isnull, columns->nulls, sizeof(columns->nulls));
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(table->rel, slot, INV_STOCK_COLUMNS);
	(void) inv_access_insert_if_new(table->rel, slot, &existing);
	ExecDropSingleTupleTableSlot(slot);
	CommandCounterIncrement();
}

void
inv_stockrow_read(TupleTableSlot *slot, InvStock *stock)
{
	Datum	   *values;

	slot_getsomeattrs(slot, INV_STOCK_ACTIVE + 1);
	values = slot->tts_values;
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
inv_stockrow_is_contended(TupleTableSlot *slot)
{
	BufferHeapTupleTableSlot *heap_slot = (BufferHeapTupleTableSlot *) slot;
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

void
inv_stockrow_lock(InvStockTable *table, TupleTableSlot *slot)
{
	ItemPointerData tid = slot->tts_tid;
	TM_FailureData failure;
	TM_Result	result;
	uint8		flags = IsolationUsesXactSnapshot() ? 0 :
	TUPLE_LOCK_FLAG_FIND_LAST_VERSION;

	result = table_tuple_lock(table->rel, &tid, table->snapshot, slot,
							  GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive, LockWaitBlock, flags,
							  &failure);
	if (result == TM_Updated || result == TM_Deleted)
		inv_raise_serialization_failure();
	if (result != TM_Ok)
		elog(ERROR, "unexpected result %d of locking a stock row", result);
}

/* fill_successor - the old version with the new values, in a virtual slot */
static void
fill_successor(TupleTableSlot *next, TupleTableSlot *slot,
			   const InvStockUpdate *update)
{
	int			natts = next->tts_tupleDescriptor->natts;

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
}

bool
inv_stockrow_write(InvStockTable *table, TupleTableSlot *slot,
				   const InvStockUpdate *update)
{
	TupleTableSlot *next;
	InvUpdateIndexes update_indexes;
	TM_FailureData failure;
	LockTupleMode lockmode;
	TM_Result	result;

	next = MakeSingleTupleTableSlot(RelationGetDescr(table->rel),
									&TTSOpsVirtual);
	fill_successor(next, slot, update);
	inv_access_complete_version(table->rel, next);
	result = inv_table_tuple_update(table->rel, &slot->tts_tid, next,
									GetCurrentCommandId(true),
									table->snapshot, table->crosscheck,
									&failure, &lockmode, &update_indexes);
	if (result == TM_Ok && !inv_update_indexes_none(update_indexes))
		inv_access_update_entries(table->rel, next,
								  inv_update_indexes_summarizing(update_indexes));
	ExecDropSingleTupleTableSlot(next);

	if (result == TM_Ok)
		return true;
	if (result != TM_Updated && result != TM_Deleted)
		elog(ERROR, "unexpected result %d of updating a stock row", result);
	if (IsolationUsesXactSnapshot())
		inv_raise_serialization_failure();
	inv_stockrow_lock(table, slot);
	return false;
}
