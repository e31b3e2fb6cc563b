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
 * The row path.  The rows are found by their keys, the changes are decided on
 * the versions that the snapshot sees, and a refusal ends here: nothing was
 * locked.  A row that others are changing is queued for.  A single change is then written as the successor of the version it
 * was decided on.  If somebody else changed the row first, the write says so
 * after waiting for him; the newest version is locked and the change decided
 * again on that.  So the decision and the write always concern the same
 * version, and a change that meets nobody costs a single update.  Several
 * changes lock all their rows first, in key order, and are decided again on
 * what they locked.  So does a count: what moves while the shelf is counted is
 * told apart by the ledger, which must not move then.
 *
 * The tables are accessed directly, not by SQL statements: it is faster, and
 * it lets a trigger refuse every SQL statement that would write them, whoever
 * sends it.  See stockrow.c and ledger.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/varlena.h"

#include "compat.h"
#include "errors.h"
#include "stock.h"
#include "stockrow.h"

/* One change under way */
typedef struct Line
{
	const InvChange *change;
	InvStatus	status;
	bool		exists;			/* is there a row?  else stock is imagined */
	TupleTableSlot *slot;		/* the version that stock was read from */
	InvStock	stock;
	int64		on_hand_delta;
	int64		movement_id;
} Line;

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

static void
set_limit(InvStockUpdate *update, int column, NullableDatum limit)
{
	inv_stockrow_set(update, column, limit.value);
	update->nulls[column] = limit.isnull;
}

/* set_item_limits - the limits of the item, for a row that follows it */
static void
set_item_limits(InvStockUpdate *update, const InvItem *item)
{
	inv_stockrow_set(update, INV_STOCK_SAFETY_STOCK,
					 Int64GetDatum(item->safety_stock));
	inv_stockrow_set(update, INV_STOCK_BACKORDER_LIMIT,
					 Int64GetDatum(item->backorder_limit));
	set_limit(update, INV_STOCK_REORDER_POINT, item->reorder_point);
	set_limit(update, INV_STOCK_TARGET_LEVEL, item->target_level);
}

/*
 * create_row - makes the stock row, unless somebody else just does
 *
 * The item is locked until the new row is committed: else a concurrent change
 * of it would not find the row that it has to bring its news to.
 */
static InvStatus
create_row(InvStockTable *table, const InvCatalogue *cat, text *sku,
		   text *location)
{
	InvItem		item;
	InvStockUpdate row;

	if (!inv_item_lock(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	if (!inv_location_lock(cat, location))
		return INV_UNKNOWN_LOCATION;

	inv_stockrow_set(&row, INV_STOCK_SKU, PointerGetDatum(sku));
	inv_stockrow_set(&row, INV_STOCK_LOCATION, PointerGetDatum(location));
	inv_stockrow_set(&row, INV_STOCK_ON_HAND, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_RESERVED, Int64GetDatum(0));
	inv_stockrow_set(&row, INV_STOCK_VERSION, Int64GetDatum(0));
	set_item_limits(&row, &item);
	inv_stockrow_set(&row, INV_STOCK_OWN_LIMITS, BoolGetDatum(false));
	inv_stockrow_set(&row, INV_STOCK_ACTIVE, BoolGetDatum(item.active));
	inv_stockrow_insert(table, cat, &row);
	return INV_OK;
}

/* renew_snapshot - to see what this transaction did since */
static void
renew_snapshot(InvStockTable *table)
{
	PopActiveSnapshot();
	PushActiveSnapshot(GetTransactionSnapshot());
	table->snapshot = GetActiveSnapshot();
}

/*
 * make_row - makes the missing row and gets it into the slot
 *
 * Answers why not, if its item or location was deleted a moment ago.
 */
static InvStatus
make_row(InvStockTable *table, const InvCatalogue *cat, TupleTableSlot *slot,
		 text *sku, text *location, InvStock *stock)
{
	InvStatus	status = create_row(table, cat, sku, location);

	if (status != INV_OK)
		return status;
	renew_snapshot(table);
	/* somebody else's row, and the isolation level forbids to see it */
	if (!inv_stockrow_find(table, slot, sku, location))
		inv_raise_serialization_failure();
	inv_stockrow_read(slot, stock);
	return INV_OK;
}

/* decide - may the change be made of the row as it stands? */
static InvStatus
decide(const InvChange *change, const InvStock *stock)
{
	int64		floor = stock->safety_stock - stock->backorder_limit;

	if (change->sells && !stock->active)
		return INV_INACTIVE_ITEM;
	if (change->expected_version != INV_ANY_VERSION &&
		change->expected_version != stock->version)
		return INV_VERSION_CONFLICT;
	if (change->takes &&
		stock->on_hand - stock->reserved - change->quantity <
		Max(floor, change->keep))
		return INV_INSUFFICIENT_STOCK;
	return INV_OK;
}

/* check_range - raises when on hand would leave its range */
static void
check_range(const InvChange *change, const InvStock *stock, int64 on_hand)
{
	if (on_hand <= INV_MAX_QUANTITY && on_hand >= -INV_MAX_QUANTITY)
		return;
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

/* find_line - finds the row of a line, or imagines it, and decides */
static void
find_line(InvStockTable *table, const InvCatalogue *cat, Line *line)
{
	const InvChange *change = line->change;

	line->slot = inv_stockrow_slot(table);
	line->on_hand_delta = change->on_hand_delta;
	line->movement_id = 0;
	line->exists = inv_stockrow_find(table, line->slot, change->sku,
									 change->location);
	line->status = INV_OK;
	if (likely(line->exists))
		inv_stockrow_read(line->slot, &line->stock);
	else
		line->status = imagine_row(cat, change->sku, change->location,
								   &line->stock);
	if (line->status == INV_OK)
		line->status = decide(change, &line->stock);
}

/* create_line - makes the missing row of a line */
static void
create_line(InvStockTable *table, const InvCatalogue *cat, Line *line)
{
	const InvChange *change = line->change;

	line->status = make_row(table, cat, line->slot, change->sku,
							change->location, &line->stock);
	line->exists = line->status == INV_OK;
	if (line->exists)
		line->status = decide(change, &line->stock);
}

/*
 * queue_line - of a row that others change too, waits for its turn
 *
 * What they left behind is the visible version then.
 */
static void
queue_line(InvStockTable *table, Line *line)
{
	const InvChange *change = line->change;

	inv_stockrow_queue(table, line->stock.stock_id);
	renew_snapshot(table);
	if (!inv_stockrow_find(table, line->slot, change->sku, change->location))
		elog(ERROR, "the stock row is gone");
	inv_stockrow_read(line->slot, &line->stock);
	line->status = decide(change, &line->stock);
}

/* lock_line - locks the row of a line and decides on its newest version */
static void
lock_line(InvStockTable *table, const InvCatalogue *cat, Line *line)
{
	const InvChange *change = line->change;

	inv_stockrow_lock(table, line->slot);
	inv_stockrow_read(line->slot, &line->stock);
	line->status = decide(change, &line->stock);
	if (change->counts && line->status == INV_OK)
	{
		line->on_hand_delta = change->quantity - line->stock.on_hand;
		if (change->counted_at != DT_NOBEGIN)
			line->on_hand_delta +=
				inv_ledger_moved_since(cat, line->stock.stock_id,
									   change->counted_at);
	}
}

/*
 * write_line - writes the row of a line; decides again as often as somebody
 * else was faster
 */
static void
write_line(InvStockTable *table, Line *line)
{
	const InvChange *change = line->change;

	while (line->status == INV_OK)
	{
		InvStock	next = line->stock;
		InvStockUpdate update;

		next.on_hand += line->on_hand_delta;
		next.reserved += change->reserved_delta;
		next.version++;
		check_range(change, &line->stock, next.on_hand);

		memset(update.replace, false, sizeof(update.replace));
		inv_stockrow_set(&update, INV_STOCK_ON_HAND,
						 Int64GetDatum(next.on_hand));
		inv_stockrow_set(&update, INV_STOCK_RESERVED,
						 Int64GetDatum(next.reserved));
		inv_stockrow_set(&update, INV_STOCK_VERSION,
						 Int64GetDatum(next.version));
		if (inv_stockrow_write(table, line->slot, &update))
		{
			line->stock = next;
			return;
		}
		inv_stockrow_read(line->slot, &line->stock);
		line->status = decide(change, &line->stock);
	}
}

/* append_line - the ledger's side of a line that was just written */
static void
append_line(const InvCatalogue *cat, Line *line, const InvLabels *labels)
{
	const InvChange *change = line->change;
	InvMovement movement = {
		.stock_id = line->stock.stock_id,
		.sku = change->sku,
		.location = change->location,
		.kind = change->kind,
		.on_hand_delta = line->on_hand_delta,
		.reserved_delta = change->reserved_delta,
		.version = line->stock.version,
		.original_id = change->original_id
	};

	line->movement_id = inv_ledger_append(cat, &movement, labels);
}

/* all_ok - after each step: go on only if nothing was refused */
static bool
all_ok(const Line *lines, int count)
{
	for (int i = 0; i < count; i++)
		if (lines[i].status != INV_OK)
			return false;
	return true;
}

static int
compare_texts(const text *a, const text *b)
{
	return varstr_cmp(VARDATA_ANY(a), VARSIZE_ANY_EXHDR(a),
					  VARDATA_ANY(b), VARSIZE_ANY_EXHDR(b), C_COLLATION_OID);
}

/* compare_lines - the order in which stock rows are taken everywhere */
static int
compare_lines(const void *a, const void *b)
{
	const InvChange *x = ((const Line *) a)->change;
	const InvChange *y = ((const Line *) b)->change;
	int			result = compare_texts(x->sku, y->sku);

	return result != 0 ? result : compare_texts(x->location, y->location);
}

/* run_lines - the row path for lines in key order */
static void
run_lines(InvStockTable *table, const InvCatalogue *cat, Line *lines,
		  int count, const InvLabels *labels)
{
	for (int i = 0; i < count; i++)
		find_line(table, cat, &lines[i]);
	if (!all_ok(lines, count))
		return;

	for (int i = 0; i < count; i++)
	{
		if (!lines[i].exists)
			create_line(table, cat, &lines[i]);
		else if (inv_stockrow_is_contended(lines[i].slot))
			queue_line(table, &lines[i]);
		if (lines[i].status != INV_OK)
			return;
	}

	for (int i = 0; i < count; i++)
		if (count > 1 || lines[i].change->counts)
			lock_line(table, cat, &lines[i]);
	if (!all_ok(lines, count))
		return;

	for (int i = 0; i < count; i++)
		write_line(table, &lines[i]);
	if (!all_ok(lines, count))
		return;

	for (int i = 0; i < count; i++)
		append_line(cat, &lines[i], labels);
}

static void
set_outcome(InvOutcome *outcome, const InvChange *change, InvStatus status,
			const InvStock *stock)
{
	memset(outcome, 0, sizeof(*outcome));
	outcome->status = status;
	outcome->sku = change->sku;
	outcome->location = change->location;
	outcome->quantity_known = change->kind != NULL;
	outcome->quantity = change->quantity;
	outcome->keep = change->keep;
	outcome->expected_version = change->expected_version;
	if (stock == NULL)
		return;

	outcome->stock_known = true;
	outcome->on_hand = stock->on_hand;
	outcome->reserved = stock->reserved;
	outcome->available = inv_stock_available(stock);
	outcome->version = stock->version;
	if (status == INV_OK && change->sells)
		outcome->backordered =
			Max(0, Min(change->quantity, stock->reserved - stock->on_hand));
}

/* answer_line - the outcome of a line */
static void
answer_line(const Line *line, bool applied, InvOutcome *outcome)
{
	bool		known = line->status != INV_UNKNOWN_ITEM &&
	line->status != INV_UNKNOWN_LOCATION;
	InvStatus	status = line->status;

	if (status == INV_OK && !applied)
		status = INV_NOT_APPLIED;
	set_outcome(outcome, line->change, status, known ? &line->stock : NULL);
	outcome->movement_id = line->movement_id;
}

void
inv_stock_apply(const InvCatalogue *cat, const InvChange *changes, int count,
				const InvLabels *labels, InvOutcome *outcomes)
{
	InvStockTable table;
	Line		single;
	Line	   *lines = &single;
	bool		applied;

	/* see what this transaction did so far, as a statement of its own would */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	inv_stockrow_open(&table, cat, RowExclusiveLock);

	if (count > 1)
		lines = palloc(count * sizeof(Line));
	for (int i = 0; i < count; i++)
		lines[i].change = &changes[i];
	if (count > 1)
		qsort(lines, count, sizeof(Line), compare_lines);
	run_lines(&table, cat, lines, count, labels);

	applied = all_ok(lines, count);
	for (int i = 0; i < count; i++)
	{
		answer_line(&lines[i], applied, &outcomes[lines[i].change - changes]);
		ExecDropSingleTupleTableSlot(lines[i].slot);
	}
	inv_stockrow_close(&table);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

InvStatus
inv_stock_read(const InvCatalogue *cat, text *sku, text *location,
			   InvStock *stock)
{
	InvStockTable table;
	TupleTableSlot *slot;
	bool		found;

	inv_stockrow_open(&table, cat, AccessShareLock);
	slot = inv_stockrow_slot(&table);
	found = inv_stockrow_find(&table, slot, sku, location);
	if (found)
		inv_stockrow_read(slot, stock);
	ExecDropSingleTupleTableSlot(slot);
	inv_stockrow_close(&table);

	return found ? INV_OK : imagine_row(cat, sku, location, stock);
}

/* set_own_limits - those that are given; answers whether any is */
static bool
set_own_limits(InvStockUpdate *update, const InvLimits *limits)
{
	const NullableDatum *given[] = {
		&limits->safety_stock, &limits->backorder_limit,
		&limits->reorder_point, &limits->target_level
	};
	bool		any = false;

	for (int i = 0; i < lengthof(given); i++)
		if (!given[i]->isnull)
		{
			inv_stockrow_set(update, INV_STOCK_SAFETY_STOCK + i,
							 given[i]->value);
			any = true;
		}
	return any;
}

/* write_limits - of the row in slot, which exists */
static void
write_limits(InvStockTable *table, const InvCatalogue *cat,
			 TupleTableSlot *slot, text *sku, const InvLimits *limits)
{
	InvStockUpdate update;
	InvItem		item;
	bool		own;

	memset(update.replace, false, sizeof(update.replace));
	own = set_own_limits(&update, limits);
	/* locked: else the item may change between reading it and writing here */
	if (!own && inv_item_lock(cat, sku, &item))
		set_item_limits(&update, &item);
	inv_stockrow_set(&update, INV_STOCK_OWN_LIMITS, BoolGetDatum(own));

	while (!inv_stockrow_write(table, slot, &update))
		;
}

void
inv_stock_set_limits(const InvCatalogue *cat, text *sku, text *location,
					 const InvLimits *limits, InvOutcome *outcome)
{
	InvStockTable table;
	TupleTableSlot *slot;
	InvStock	stock;
	InvChange	change = {.sku = sku, .location = location};
	InvStatus	status = INV_OK;

	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	inv_stockrow_open(&table, cat, RowExclusiveLock);
	slot = inv_stockrow_slot(&table);

	if (!inv_stockrow_find(&table, slot, sku, location))
	{
		status = imagine_row(cat, sku, location, &stock);
		if (status == INV_OK)
			status = make_row(&table, cat, slot, sku, location, &stock);
	}
	if (status == INV_OK)
	{
		write_limits(&table, cat, slot, sku, limits);
		CommandCounterIncrement();
		renew_snapshot(&table);
		if (!inv_stockrow_find(&table, slot, sku, location))
			elog(ERROR, "the stock row is gone");
		inv_stockrow_read(slot, &stock);
	}
	set_outcome(outcome, &change, status, status == INV_OK ? &stock : NULL);

	ExecDropSingleTupleTableSlot(slot);
	inv_stockrow_close(&table);
	PopActiveSnapshot();
}

/* follow_item_row - brings a changed item to the stock row in the slot */
static void
follow_item_row(InvStockTable *table, TupleTableSlot *slot,
				const InvItem *item)
{
	InvStockUpdate update;
	InvStock	stock;

	do
	{
		inv_stockrow_read(slot, &stock);
		memset(update.replace, false, sizeof(update.replace));
		inv_stockrow_set(&update, INV_STOCK_ACTIVE,
						 BoolGetDatum(item->active));
		if (!stock.own_limits)
			set_item_limits(&update, item);
	} while (!inv_stockrow_write(table, slot, &update));
}

void
inv_stock_follow_item(const InvCatalogue *cat, text *sku, const InvItem *item)
{
	InvStockTable table;
	TupleTableSlot *slot;
	ScanKeyData key;
	IndexScanDesc scan;

	/*
	 * The latest snapshot even where the transaction keeps an older one: a
	 * stock row that was made meanwhile must follow too.  As it cannot, nor
	 * may a change be hidden that was made meanwhile, the older one is the
	 * crosscheck: 40001.
	 */
	PushActiveSnapshot(GetLatestSnapshot());
	inv_stockrow_open(&table, cat, RowExclusiveLock);
	if (IsolationUsesXactSnapshot())
		table.crosscheck = GetTransactionSnapshot();
	slot = inv_stockrow_slot(&table);

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_TEXTEQ,
				PointerGetDatum(sku));
	scan = inv_index_beginscan(table.rel, table.key, table.snapshot, 1);
	index_rescan(scan, &key, 1, NULL, 0);
	while (index_getnext_slot(scan, ForwardScanDirection, slot))
		follow_item_row(&table, slot, item);
	index_endscan(scan);

	ExecDropSingleTupleTableSlot(slot);
	inv_stockrow_close(&table);
	PopActiveSnapshot();
}
