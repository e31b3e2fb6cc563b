/*
 * limits.c
 *		The limits of stock rows, and what they take from their item.
 *
 * A stock row holds all that a decision needs: the limits and whether the item
 * is sold are copied into it.  A change of the item is brought to its rows by
 * inv_limits_follow_item(), except for limits that a row has of its own.  The
 * alert state follows from the limits too, and from whether the location
 * sells: each write decides on it.
 *
 * Locks: the row lock of an update, rows in key order.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "alert.h"
#include "bundle.h"
#include "compat.h"
#include "limits.h"
#include "stockrow.h"

/* next_value - of a column of the row at hand, once the update is made */
static NullableDatum
next_value(const InvStockTable *table, const InvStockUpdate *update,
		   int column)
{
	const TupleTableSlot *slot = table->slot;
	NullableDatum next;

	next.value = update->replace[column] ? update->values[column] :
		slot->tts_values[column];
	next.isnull = update->replace[column] ? update->nulls[column] :
		slot->tts_isnull[column];
	return next;
}

/* decide_alert - adds the state and its window to an update */
static InvAlert
decide_alert(const InvStockTable *table, const InvCatalogue *cat,
			 InvStockUpdate *update)
{
	const Datum *values = table->slot->tts_values;
	InvAlert	alert;

	slot_getallattrs(table->slot);
	alert.stock_id = DatumGetInt64(values[INV_STOCK_STOCK_ID]);
	alert.sku = DatumGetTextPP(values[INV_STOCK_SKU]);
	alert.location = DatumGetTextPP(values[INV_STOCK_LOCATION]);
	alert.on_hand = DatumGetInt64(values[INV_STOCK_ON_HAND]);
	alert.reserved = DatumGetInt64(values[INV_STOCK_RESERVED]);
	alert.previous = DatumGetInt16(values[INV_STOCK_ALERT_STATE]);
	alert.safety_stock =
		DatumGetInt64(next_value(table, update, INV_STOCK_SAFETY_STOCK).value);
	alert.backorder_limit =
		DatumGetInt64(next_value(table, update, INV_STOCK_BACKORDER_LIMIT).value);
	alert.reorder_point = next_value(table, update, INV_STOCK_REORDER_POINT);
	alert.target_level = next_value(table, update, INV_STOCK_TARGET_LEVEL);
	alert.active =
		DatumGetBool(next_value(table, update, INV_STOCK_ACTIVE).value);

	inv_alert_decide(cat, &alert);
	inv_stockrow_set(update, INV_STOCK_ALERT_STATE,
					 Int16GetDatum(alert.state));
	inv_stockrow_set(update, INV_STOCK_QUIET_FROM,
					 Int64GetDatum(alert.quiet_from));
	inv_stockrow_set(update, INV_STOCK_QUIET_TO,
					 Int64GetDatum(alert.quiet_to));
	return alert;
}

/*
 * write_row - the row at hand, and the alert that this raises; answers false if
 * somebody else was faster
 */
static bool
write_row(InvStockTable *table, const InvCatalogue *cat,
		  InvStockUpdate *update)
{
	InvAlert	alert = decide_alert(table, cat, update);

	if (!inv_stockrow_write(table, update))
		return false;
	inv_alert_raise(cat, &alert);
	return true;
}

/* set_own_limits - those that are given; answers whether any is */
static bool
set_own_limits(InvStockUpdate *update, const InvLimits *limits)
{
	const struct
	{
		int			column;
		const NullableDatum *limit;
	}			given[] = {
		{INV_STOCK_SAFETY_STOCK, &limits->safety_stock},
		{INV_STOCK_BACKORDER_LIMIT, &limits->backorder_limit},
		{INV_STOCK_REORDER_POINT, &limits->reorder_point},
		{INV_STOCK_TARGET_LEVEL, &limits->target_level}
	};
	bool		any = false;

	for (int i = 0; i < lengthof(given); i++)
		if (!given[i].limit->isnull)
		{
			inv_stockrow_set(update, given[i].column, given[i].limit->value);
			any = true;
		}
	return any;
}

/* write_limits - of the row at hand */
static void
write_limits(InvStockTable *table, const InvCatalogue *cat, text *sku,
			 const InvLimits *limits)
{
	InvStockUpdate update;
	InvItem		item;
	bool		own;

	inv_stockrow_change_nothing(&update);
	own = set_own_limits(&update, limits);
	/* locked: else the item may change between reading it and writing here */
	if (!own && inv_item_lock(cat, sku, &item))
		inv_stockrow_set_item_limits(&update, &item);
	inv_stockrow_set(&update, INV_STOCK_OWN_LIMITS, BoolGetDatum(own));

	while (!write_row(table, cat, &update))
		;
}

/* find_or_make - gets the row at hand, or answers why there can be none */
static InvStatus
find_or_make(InvStockTable *table, const InvCatalogue *cat, text *sku,
			 text *location)
{
	InvStock	imagined;
	InvStatus	status;
	bool		made;

	if (inv_stockrow_find(table, sku, location))
		return INV_OK;
	status = inv_stockrow_imagine(cat, sku, location, &imagined);
	if (status == INV_OK)
		status = inv_stockrow_make(table, cat, sku, location, &made);
	if (status == INV_BUNDLE)
		inv_bundle_refuse(sku, 0);
	return status;
}

void
inv_limits_set(const InvCatalogue *cat, text *sku, text *location,
			   const InvLimits *limits, InvOutcome *outcome)
{
	InvStockTable table;
	InvStock	stock;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	inv_stockrow_open(&table, cat, RowExclusiveLock);

	memset(outcome, 0, sizeof(*outcome));
	outcome->line = 1;
	outcome->sku = sku;
	outcome->location = location;
	outcome->status = find_or_make(&table, cat, sku, location);
	if (outcome->status == INV_OK)
	{
		write_limits(&table, cat, sku, limits);
		CommandCounterIncrement();
		inv_stockrow_renew(&table);
		if (!inv_stockrow_find(&table, sku, location))
			elog(ERROR, "the stock row is gone");
		inv_stockrow_read(&table, &stock);
		inv_stock_tell(&stock, outcome);
	}

	inv_stockrow_close(&table);
	PopActiveSnapshot();
}

/* follow_item_row - brings a changed item to the stock row at hand */
static void
follow_item_row(InvStockTable *table, const InvCatalogue *cat,
				const InvItem *item)
{
	InvStockUpdate update;
	InvStock	stock;

	do
	{
		inv_stockrow_read(table, &stock);
		inv_stockrow_change_nothing(&update);
		inv_stockrow_set(&update, INV_STOCK_ACTIVE,
						 BoolGetDatum(item->active));
		if (!stock.own_limits)
			inv_stockrow_set_item_limits(&update, item);
	} while (!write_row(table, cat, &update));
}

/*
 * begin_following - the stock rows are looked for in the latest snapshot, even
 * where the transaction keeps an older one
 *
 * A stock row that was made meanwhile must follow too.  As it cannot, nor may
 * a change be hidden that was made meanwhile, the older one is the crosscheck:
 * 40001.
 */
static void
begin_following(InvStockTable *table, const InvCatalogue *cat)
{
	PushActiveSnapshot(GetLatestSnapshot());
	inv_stockrow_open(table, cat, RowExclusiveLock);
	if (IsolationUsesXactSnapshot())
		table->crosscheck = GetTransactionSnapshot();
}

static void
end_following(InvStockTable *table)
{
	inv_stockrow_close(table);
	PopActiveSnapshot();
}

void
inv_limits_follow_item(const InvCatalogue *cat, text *sku,
					   const InvItem *item)
{
	InvStockTable table;
	ScanKeyData key;
	IndexScanDesc scan;

	begin_following(&table, cat);
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(sku));
	scan = inv_index_beginscan(table.rel, table.key, table.snapshot, 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, table.slot))
		follow_item_row(&table, cat, item);
	index_endscan(scan);
	end_following(&table);
}

void
inv_limits_follow_location(const InvCatalogue *cat, text *sku, text *location)
{
	InvStockTable table;
	InvStockUpdate update;

	begin_following(&table, cat);
	if (!inv_stockrow_find(&table, sku, location))
		elog(ERROR, "the stock row is gone");
	do
	{
		inv_stockrow_change_nothing(&update);
	} while (!write_row(&table, cat, &update));
	end_following(&table);
}
