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
 * locked.  A row that others are changing is queued for.
 *
 * A single change is then written as the successor of the version it was
 * decided on.  If somebody else changed the row first, the write says so after
 * waiting for him; the newest version is locked and the change decided again
 * on that.  So the decision and the write always concern the same version, and
 * a change that meets nobody costs a single update.
 *
 * Of several changes all rows are secured first - made where there is none, then
 * locked, in key order -, and the changes are decided again on what was locked.
 * So is a count: what moves while the shelf is counted is told apart by the
 * ledger, which must not move then.
 *
 * A row that was made, and then got no movement - it was decided otherwise in
 * the end -, is taken out again.
 *
 * The tables are accessed directly, not by SQL statements: it is faster, and
 * it lets a trigger refuse every SQL statement that would write them, whoever
 * sends it.  See stockrow.c and ledger.c.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "alert.h"
#include "bundle.h"
#include "errors.h"
#include "stockbatch.h"
#include "stockrow.h"

/* ---------- one row ---------- */

/* read_row - the version at hand becomes what is known of the row */
static void
read_row(InvStockTable *table, InvRow *row)
{
	inv_stockrow_read(table, &row->stock);
	row->tid = table->slot->tts_tid;
	row->exists = true;
	row->status = INV_OK;
}

/* find_row - finds the row, or imagines it */
static void
find_row(InvStockTable *table, const InvCatalogue *cat, InvRow *row)
{
	row->moved = 0;
	row->exists = false;
	row->made = false;
	row->contended = false;
	if (likely(inv_stockrow_find(table, row->sku, row->location)))
	{
		read_row(table, row);
		row->contended = inv_stockrow_is_contended(table);
	}
	else
		row->status = inv_stockrow_imagine(cat, row->sku, row->location,
										   &row->stock);
}

/*
 * refuse_new_bundle - the item became a bundle a moment ago
 *
 * Who only sells it can, and may call again.
 */
static void
refuse_new_bundle(const InvOrder *order, const InvRow *row)
{
	for (int i = 0; i < row->nparts; i++)
	{
		const InvChange *change = row->parts[i]->change;

		if (!change->sells)
			inv_bundle_refuse(row->sku, order->numbered ? change->line : 0);
	}
	inv_raise_serialization_failure();
}

/* make_row - makes the missing row, if its item is still there */
static void
make_row(InvStockTable *table, const InvCatalogue *cat, const InvOrder *order,
		 InvRow *row)
{
	row->status = inv_stockrow_make(table, cat, row->sku, row->location,
									&row->made);
	if (row->status == INV_BUNDLE)
		refuse_new_bundle(order, row);
	if (row->status == INV_OK)
		read_row(table, row);
}

/* unmake_row - what was made for nothing */
static void
unmake_row(InvStockTable *table, InvRow *row, bool applied)
{
	if (row->made && (!applied || row->leads == NULL))
		inv_stockrow_unmake(table, &row->tid);
}

/*
 * queue_row - of a row that others change too, waits for its turn
 *
 * What they left behind is the visible version then.
 */
static void
queue_row(InvStockTable *table, InvRow *row)
{
	inv_stockrow_queue(table, row->stock.stock_id);
	inv_stockrow_renew(table);
	if (!inv_stockrow_find(table, row->sku, row->location))
		elog(ERROR, "the stock row is gone");
	read_row(table, row);
}

/* lock_row - locks it and reads its newest version; false: not without waiting */
static bool
lock_row(InvStockTable *table, const InvCatalogue *cat, InvRow *row, bool wait)
{
	if (!inv_stockrow_lock(table, row->tid, wait))
		return false;
	read_row(table, row);
	row->version = inv_stockrow_copy(table);
	if (row->counted && row->parts[0]->change->counted_at != DT_NOBEGIN)
		row->moved = inv_ledger_moved_since(cat, row->stock.stock_id,
											row->parts[0]->change->counted_at);
	return true;
}

/* check_range - raises when a count of the row would leave its range */
static void
check_range(const InvRow *row)
{
	const InvChange *change = row->leads->change;
	bool		on_hand = row->next.on_hand > INV_MAX_QUANTITY ||
	row->next.on_hand < -INV_MAX_QUANTITY;

	/* reserved may get there by backorders, which sell more than is on hand */
	if (likely(!on_hand && row->next.reserved <= INV_MAX_QUANTITY))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s of \"%s\" would be out of range",
					on_hand ? "on hand" : "reserved",
					text_to_cstring(row->sku)),
			 inv_errdetail(on_hand ?
						   "sku:s location:s on_hand:i quantity:i limit:i" :
						   "sku:s location:s reserved:i quantity:i limit:i",
						   text_to_cstring(row->sku),
						   text_to_cstring(row->location),
						   on_hand ? row->stock.on_hand : row->stock.reserved,
						   change->quantity, INV_MAX_QUANTITY),
			 errhint("Count the item in a larger unit.")));
}

/* crosses - does the level leave those at which the alert state stays? */
static bool
crosses(const InvStockFixed *version, const InvStock *next)
{
	int64		level = next->on_hand - next->reserved;

	return level < version->quiet_from || level > version->quiet_to;
}

static NullableDatum
get_limit(const InvStockTable *table, HeapTuple version, int column)
{
	NullableDatum limit;

	limit.value = heap_getattr(version, column + 1,
							   RelationGetDescr(table->rel), &limit.isnull);
	return limit;
}

/* cross - decides on the state, and puts it into the copied version */
static InvAlert
cross(const InvStockTable *table, const InvCatalogue *cat, const InvRow *row,
	  HeapTuple version)
{
	const InvStock *next = &row->next;
	InvStockFixed *fixed = inv_stockrow_fixed(version);
	InvAlert	alert = {
		.stock_id = next->stock_id,
		.sku = row->sku,
		.location = row->location,
		.on_hand = next->on_hand,
		.reserved = next->reserved,
		.safety_stock = next->safety_stock,
		.backorder_limit = next->backorder_limit,
		.reorder_point = get_limit(table, version, INV_STOCK_REORDER_POINT),
		.target_level = get_limit(table, version, INV_STOCK_TARGET_LEVEL),
		.active = next->active,
		.previous = (InvAlertState) fixed->alert_state
	};

	inv_alert_decide(cat, &alert);
	fixed->alert_state = alert.state;
	fixed->quiet_from = alert.quiet_from;
	fixed->quiet_to = alert.quiet_to;
	return alert;
}

/*
 * write_row - writes what was decided as successor of a copied version, and
 * the alert that this raises
 *
 * Answers false if somebody else was faster: then the row is read anew, and
 * must be decided again.
 */
static bool
write_row(InvStockTable *table, const InvCatalogue *cat, InvRow *row,
		  HeapTuple version)
{
	InvAlert	alert;
	bool		crossing = crosses(inv_stockrow_fixed(version), &row->next);

	check_range(row);
	if (unlikely(crossing))
		alert = cross(table, cat, row, version);
	if (!inv_stockrow_write_counts(table, version, &row->next))
	{
		read_row(table, row);
		return false;
	}
	if (unlikely(crossing))
		inv_alert_raise(cat, &alert);
	return true;
}

/* append_movements - the ledger's side, in the order of the input */
static void
append_movements(const InvCatalogue *cat, InvBatch *batch)
{
	InvLedger	ledger;

	inv_ledger_begin(&ledger, cat);
	for (int i = 0; i < batch->nparts; i++)
	{
		InvPart    *part = &batch->parts[i];
		InvRow	   *row = part->row;
		InvMovement movement;

		if (part->lead != part)
			continue;
		movement.stock_id = row->stock.stock_id;
		movement.sku = row->sku;
		movement.location = row->location;
		movement.kind = part->change->kind;
		movement.on_hand_delta = part->on_hand_delta;
		movement.reserved_delta = part->reserved_delta;
		movement.version = ++row->stock.version;
		movement.original_id = part->change->original_id;
		part->movement_id = inv_ledger_append(&ledger, &movement,
											  part->change->labels);
	}
	inv_ledger_end(&ledger);
}

/* note_takings - for a caller that must find the stock rows again */
static void
note_takings(const InvBatch *batch)
{
	InvTakings *takings = batch->order->takings;

	if (takings == NULL)
		return;
	takings->list = palloc(batch->nparts * sizeof(InvTaking));
	takings->count = 0;
	for (int i = 0; i < batch->nparts; i++)
	{
		const InvPart *part = &batch->parts[i];
		InvTaking  *taking = &takings->list[takings->count];

		if (part->lead == NULL)
			continue;
		taking->line = part->change->line;
		taking->units = part->change->bundle ? part->change->units : 1;
		taking->stock_id = part->row->stock.stock_id;
		taking->sku = part->row->sku;
		taking->location = part->row->location;
		taking->quantity = part->quantity;
		takings->count++;
	}
}

/* ---------- a single change ---------- */

/* apply_single - answers false if it is no single change: a bundle's */
static bool
apply_single(InvStockTable *table, const InvCatalogue *cat,
			 const InvOrder *order, InvAnswer *answer)
{
	InvPart		part = {
		.change = order->changes,
		.location = order->changes->location
	};
	InvPart    *parts = &part;
	InvRow		row = {
		.sku = order->changes->sku,
		.location = part.location,
		.parts = &parts,
		.nparts = 1
	};
	InvBatch	batch = {order, &part, 1, &row, 1};
	bool		ok;

	part.row = &row;
	find_row(table, cat, &row);
	if (row.status == INV_BUNDLE)
		return false;

	ok = inv_decide(&batch);
	if (ok && (!row.exists || row.contended))
	{
		if (row.exists)
			queue_row(table, &row);
		else
			make_row(table, cat, order, &row);
		ok = inv_decide(&batch);
	}
	while (ok && !write_row(table, cat, &row, inv_stockrow_copy(table)))
		ok = inv_decide(&batch);
	unmake_row(table, &row, ok);
	if (ok)
	{
		append_movements(cat, &batch);
		note_takings(&batch);
	}
	inv_answer_make(&batch, ok, answer);
	return true;
}

/* ---------- several changes ---------- */

/* make_parts - one for each stock row that a change may concern */
static void
make_parts(InvBatch *batch, const InvOrder *order)
{
	InvPart    *part;

	batch->order = order;
	batch->nparts = 0;
	for (int i = 0; i < order->count; i++)
		batch->nparts += Max(1, order->changes[i].nsources);
	part = batch->parts = palloc0(batch->nparts * sizeof(InvPart));
	for (int i = 0; i < order->count; i++)
	{
		const InvChange *change = &order->changes[i];

		for (int j = 0; j < Max(1, change->nsources); j++, part++)
		{
			part->change = change;
			part->location = change->nsources > 0 ? change->sources[j] :
				change->location;
		}
	}
}

/* compare_keys - the order in which stock rows are taken everywhere */
static int
compare_keys(const InvPart *a, const InvPart *b)
{
	int			result = inv_text_compare(a->change->sku, b->change->sku);

	return result != 0 ? result : inv_text_compare(a->location, b->location);
}

/* compare_parts - by key, those of one row in the order of the input */
static int
compare_parts(const void *a, const void *b)
{
	const InvPart *x = *(InvPart *const *) a;
	const InvPart *y = *(InvPart *const *) b;
	int			result = compare_keys(x, y);

	return result != 0 ? result : (x > y) - (x < y);
}

/* refuse_count - of a row that is counted and changed otherwise */
static void
refuse_count(const InvOrder *order, const InvPart *a, const InvPart *b)
{
	int			first = Min(a->change->line, b->change->line);
	int			second = Max(a->change->line, b->change->line);
	const char *sku = text_to_cstring(a->change->sku);
	const char *location = text_to_cstring(a->location);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("line %d and line %d count \"%s\" at \"%s\" and change it",
					first, second, sku, location),
			 inv_errdetail("line:i sku:s location:s", (int64) second, sku,
						   location),
			 errhint("Count and change one stock row in calls of their own.")));
}

/* make_rows - sorts the parts into rows, in key order */
static void
make_rows(InvBatch *batch)
{
	InvPart   **sorted = palloc(batch->nparts * sizeof(InvPart *));
	InvRow	   *row = NULL;

	for (int i = 0; i < batch->nparts; i++)
		sorted[i] = &batch->parts[i];
	qsort(sorted, batch->nparts, sizeof(InvPart *), compare_parts);

	batch->rows = palloc0(batch->nparts * sizeof(InvRow));
	batch->nrows = 0;
	for (int i = 0; i < batch->nparts; i++)
	{
		if (i == 0 || compare_keys(sorted[i], sorted[i - 1]) != 0)
		{
			row = &batch->rows[batch->nrows++];
			row->sku = sorted[i]->change->sku;
			row->location = sorted[i]->location;
			row->parts = &sorted[i];
			row->counted = sorted[i]->change->counts;
		}
		if (sorted[i]->change->counts != row->counted)
			refuse_count(batch->order, row->parts[0], sorted[i]);
		sorted[i]->row = row;
		row->nparts++;
	}
}

/* find_rows - answers whether there is a bundle among them */
static bool
find_rows(InvStockTable *table, const InvCatalogue *cat, InvBatch *batch)
{
	bool		bundle = false;

	for (int i = 0; i < batch->nrows; i++)
	{
		find_row(table, cat, &batch->rows[i]);
		if (batch->rows[i].status == INV_BUNDLE)
			bundle = true;
	}
	return bundle;
}

/* is_bundle - do these parts, of one change, name a bundle? */
static bool
is_bundle(const InvPart *parts)
{
	for (int i = 0; i < Max(1, parts->change->nsources); i++)
		if (parts[i].row->status == INV_BUNDLE)
			return true;
	return false;
}

/* expand_bundles - the order with each bundle taken apart */
static InvOrder *
expand_bundles(const InvCatalogue *cat, const InvBatch *batch)
{
	const InvOrder *order = batch->order;
	InvOrder   *expanded = palloc(sizeof(InvOrder));
	int			room = order->count;
	InvChange  *changes = palloc(room * sizeof(InvChange));
	const InvPart *part = batch->parts;

	*expanded = *order;
	expanded->count = 0;
	for (int i = 0; i < order->count; i++)
	{
		const InvChange *change = &order->changes[i];
		InvChange  *components = (InvChange *) change;
		int			count = 1;

		if (is_bundle(part))
			count = inv_bundle_expand(cat, change,
									  order->numbered ? change->line : 0,
									  &components);
		part += Max(1, change->nsources);
		if (expanded->count + count + order->count > room)
		{
			room = (expanded->count + count + order->count) * 2;
			changes = repalloc(changes, room * sizeof(InvChange));
		}
		memcpy(&changes[expanded->count], components,
			   count * sizeof(InvChange));
		expanded->count += count;
	}
	expanded->changes = changes;
	expanded->linked = true;
	return expanded;
}

/*
 * is_wanted - may the row be changed, as far as is known?
 *
 * Where rows depend on each other it may, though it was not decided so: the
 * decision may be another one once they are locked.
 */
static bool
is_wanted(const InvBatch *batch, const InvRow *row)
{
	if (row->leads != NULL)
		return true;
	return batch->order->linked && row->status == INV_OK &&
		(row->exists || inv_stock_available(&row->stock) > 0);
}

/*
 * make_missing_rows - those that may be changed
 *
 * Locations before all: the default one is made by the first who needs it, and
 * who waits for him must not have made a row yet that he wants.
 */
static void
make_missing_rows(InvStockTable *table, const InvCatalogue *cat,
				  InvBatch *batch)
{
	for (int i = 0; i < batch->nrows; i++)
		if (!batch->rows[i].exists && is_wanted(batch, &batch->rows[i]))
			(void) inv_location_lock(cat, batch->rows[i].location);
	for (int i = 0; i < batch->nrows; i++)
		if (!batch->rows[i].exists && is_wanted(batch, &batch->rows[i]))
			make_row(table, cat, batch->order, &batch->rows[i]);
}

/*
 * secure_rows - makes and locks them, in key order
 *
 * First all that are missing.  Making one locks its item, and who changes an
 * item then wants its stock rows: no row may be locked by then.
 */
static void
secure_rows(InvStockTable *table, const InvCatalogue *cat, InvBatch *batch)
{
	make_missing_rows(table, cat, batch);
	for (int i = 0; i < batch->nrows; i++)
	{
		InvRow	   *row = &batch->rows[i];

		CHECK_FOR_INTERRUPTS();
		if (!row->exists || !is_wanted(batch, row))
			continue;
		if (row->contended)
			queue_row(table, row);
		(void) lock_row(table, cat, row, true);
	}
}

/*
 * secure_late_rows - those that came to be while others were waited for;
 * answers whether there are any
 *
 * Goods may have gone there that were elsewhere when this call looked first.
 * They are out of key order now, so nobody is waited for.
 */
static bool
secure_late_rows(InvStockTable *table, const InvCatalogue *cat,
				 InvBatch *batch)
{
	bool		found = false;

	if (IsolationUsesXactSnapshot())
		return false;
	inv_stockrow_renew(table);
	for (int i = 0; i < batch->nrows; i++)
	{
		InvRow	   *row = &batch->rows[i];

		if (row->exists || row->status != INV_OK ||
			!inv_stockrow_find(table, row->sku, row->location))
			continue;
		read_row(table, row);
		if (!lock_row(table, cat, row, false))
			inv_raise_serialization_failure();
		found = true;
	}
	return found;
}

static void
write_rows(InvStockTable *table, const InvCatalogue *cat, InvBatch *batch)
{
	for (int i = 0; i < batch->nrows; i++)
	{
		InvRow	   *row = &batch->rows[i];

		if (row->leads == NULL)
			continue;
		if (!write_row(table, cat, row, row->version))
			elog(ERROR, "a locked stock row was changed");
	}
}

static void
apply_several(InvStockTable *table, const InvCatalogue *cat,
			  const InvOrder *order, InvAnswer *answer)
{
	InvBatch	batch;
	bool		applied;

	make_parts(&batch, order);
	make_rows(&batch);
	if (find_rows(table, cat, &batch))
	{
		make_parts(&batch, expand_bundles(cat, &batch));
		make_rows(&batch);
		/* a component has become a bundle a moment ago */
		if (find_rows(table, cat, &batch))
			inv_raise_serialization_failure();
	}

	applied = inv_decide(&batch);
	if (applied)
	{
		secure_rows(table, cat, &batch);
		applied = inv_decide(&batch);
		while (!applied && batch.order->linked &&
			   secure_late_rows(table, cat, &batch))
			applied = inv_decide(&batch);
		for (int i = 0; i < batch.nrows; i++)
			unmake_row(table, &batch.rows[i], applied);
	}
	if (applied)
	{
		write_rows(table, cat, &batch);
		append_movements(cat, &batch);
		note_takings(&batch);
	}
	inv_answer_make(&batch, applied, answer);
}

/* ---------- the entrance ---------- */

/* is_single - can the change be decided and written in one step? */
static bool
is_single(const InvOrder *order)
{
	return order->count == 1 && order->changes->nsources == 0 &&
		!order->changes->counts;
}

void
inv_stock_apply(const InvCatalogue *cat, const InvOrder *order,
				InvAnswer *answer)
{
	InvStockTable table;

	/* see what this transaction did so far, as a statement of its own would */
	CommandCounterIncrement();
	PushActiveSnapshot(GetTransactionSnapshot());
	inv_stockrow_open(&table, cat, RowExclusiveLock);

	if (!is_single(order) || !apply_single(&table, cat, order, answer))
		apply_several(&table, cat, order, answer);

	inv_stockrow_close(&table);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

InvStatus
inv_stock_read(const InvCatalogue *cat, text *sku, text *location,
			   InvStock *stock)
{
	InvStockTable table;
	bool		found;

	inv_stockrow_open(&table, cat, AccessShareLock);
	found = inv_stockrow_find(&table, sku, location);
	if (found)
		inv_stockrow_read(&table, stock);
	inv_stockrow_close(&table);

	return found ? INV_OK : inv_stockrow_imagine(cat, sku, location, stock);
}
