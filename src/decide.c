/*
 * decide.c
 *		What a call may do to the stock rows as they stand.
 *
 * Arithmetic only: no table is read here, nothing can wait.  So the same
 * decision is made on what a snapshot sees, to refuse without a lock, and
 * again on the locked rows, where it counts.
 *
 * All or none: the changes of one stock row are summed, then the sum is
 * checked, whatever the order of the lines.  Line by line: each line finds the
 * row as the lines before it left it.
 *
 * A choice of rows (sources) is made after what is fixed.  The demand of
 * changes with the same choice is summed; the first row that has enough gives
 * all of it, else it is split in the order of preference.  Backorders are only
 * used if the rows do not suffice without.
 */
#include "postgres.h"

#include "common/int.h"

#include "stockbatch.h"

/* sums stay here, far beyond any quantity: enough to be refused */
#define SUM_LIMIT (INT64CONST(1) << 60)

static int64
add_capped(int64 a, int64 b)
{
	int64		sum;

	if (pg_add_s64_overflow(a, b, &sum))
		return a > 0 ? SUM_LIMIT : -SUM_LIMIT;
	return Max(-SUM_LIMIT, Min(SUM_LIMIT, sum));
}

/* gain - what a part adds to what is available in its row */
static int64
gain(const InvPart *part)
{
	return part->quantity *
		(part->change->on_hand_step - part->change->reserved_step);
}

/* standing - is the part refused whatever the quantities are? */
static InvStatus
standing(const InvPart *part, const InvStock *stock)
{
	const InvChange *change = part->change;

	if (part->row->status != INV_OK)
		return part->row->status;
	if (change->refusal != INV_OK)
		return change->refusal;
	if (change->sells && !stock->active)
		return INV_INACTIVE_ITEM;
	if (change->expected_version != INV_ANY_VERSION &&
		change->expected_version != stock->version)
		return INV_VERSION_CONFLICT;
	return INV_OK;
}

/* least - what must be left of a row, available or not */
static int64
least(const InvStock *stock, bool backorders, int64 keep)
{
	int64		floor = stock->safety_stock;

	if (backorders)
		floor -= stock->backorder_limit;
	return Max(floor, keep);
}

/* join_movement - a part takes part in the movement of its kind */
static void
join_movement(InvPart *part, bool shared)
{
	InvRow	   *row = part->row;
	const InvChange *change = part->change;
	InvPart    *lead = shared ? row->leads : NULL;

	while (lead && (lead->change->kind != change->kind ||
					lead->change->original_id != change->original_id))
		lead = lead->next_lead;
	if (lead == NULL)
	{
		lead = part;
		part->on_hand_delta = part->reserved_delta = 0;
		part->next_lead = row->leads;
		row->leads = part;
	}
	part->lead = lead;
	lead->on_hand_delta = add_capped(lead->on_hand_delta, part->quantity *
									 change->on_hand_step);
	lead->reserved_delta = add_capped(lead->reserved_delta, part->quantity *
									  change->reserved_step);
}

/* tell_one_refusal - of the parts of one line, the worst one says why */
static void
tell_one_refusal(InvPart *parts, int count)
{
	InvStatus	worst = INV_NOT_APPLIED;
	bool		told = false;

	for (int i = 0; i < count; i++)
		if (parts[i].status != INV_OK && parts[i].status < worst)
			worst = parts[i].status;
	if (worst == INV_NOT_APPLIED)
		return;
	for (int i = 0; i < count; i++)
	{
		/* an unknown item is unknown everywhere */
		if (parts[i].status != worst || (told && worst == INV_UNKNOWN_ITEM))
			parts[i].status = INV_NOT_APPLIED;
		told = told || parts[i].status == worst;
	}
}

/* line_length - how many parts from this one on are of the same line */
static int
line_length(const InvBatch *batch, int first)
{
	int			end = first + 1;

	while (end < batch->nparts &&
		   batch->parts[end].change->line == batch->parts[first].change->line)
		end++;
	return end - first;
}

/* backordered - how many of a quantity are sold and not on the shelf */
static int64
backordered(const InvStock *stock, int64 quantity, int64 sold_later)
{
	return Max(0, Min(quantity,
					  stock->reserved - stock->on_hand - sold_later));
}

/* ---------- line by line ---------- */

/* has_enough - does the row, as it stands by now, suffice for the part? */
static bool
has_enough(const InvPart *part)
{
	const InvStock *next = &part->row->next;

	return !part->change->takes ||
		next->on_hand - next->reserved + gain(part) >=
		least(next, true, part->change->keep);
}

static bool
decide_line(InvPart *parts, int count)
{
	bool		ok = true;

	for (int i = 0; i < count; i++)
	{
		parts[i].quantity = parts[i].change->quantity;
		parts[i].status = standing(&parts[i], &parts[i].row->next);
		if (parts[i].status == INV_OK && !has_enough(&parts[i]))
			parts[i].status = INV_INSUFFICIENT_STOCK;
		ok = ok && parts[i].status == INV_OK;
	}
	for (int i = 0; i < count; i++)
	{
		InvStock   *next = &parts[i].row->next;

		parts[i].lead = NULL;
		if (ok)
		{
			join_movement(&parts[i], false);
			next->on_hand += parts[i].on_hand_delta;
			next->reserved += parts[i].reserved_delta;
			next->version++;
			parts[i].backordered = backordered(next, parts[i].quantity, 0);
		}
		parts[i].after = *next;
	}
	if (!ok)
		tell_one_refusal(parts, count);
	return ok;
}

static bool
decide_each(InvBatch *batch)
{
	bool		any = false;
	int			count;

	for (int i = 0; i < batch->nparts; i += count)
	{
		count = line_length(batch, i);
		if (decide_line(&batch->parts[i], count))
			any = true;
	}
	return any;
}

/* ---------- a choice of rows ---------- */

/* room - how many units a row still has for a change */
static int64
room(const InvPart *part, bool backorders)
{
	const InvRow *row = part->row;

	return Max(0, row->left - least(&row->stock, backorders,
									Max(row->keep, part->change->keep)));
}

static bool
same_choice(const InvChange *a, const InvChange *b)
{
	if (a->nsources != b->nsources || a->keep != b->keep ||
		a->kind != b->kind)
		return false;
	for (int i = 0; i < a->nsources; i++)
		if (inv_text_compare(a->sources[i], b->sources[i]) != 0)
			return false;
	return true;
}

/*
 * choose - how many of the units each row of a choice gives, in given[]
 *
 * Answers false if they do not suffice, even together.
 */
static bool
choose(const InvPart *parts, int count, int64 units, bool backorders,
	   int64 *given)
{
	int64		missing = units;

	memset(given, 0, count * sizeof(int64));
	for (int i = 0; i < count; i++)
		if (room(&parts[i], backorders) >= units)
		{
			given[i] = units;
			return true;
		}
	for (int i = 0; i < count; i++)
	{
		given[i] = Min(missing, room(&parts[i], backorders));
		missing -= given[i];
	}
	return missing == 0;
}

/* deal - gives a change its share of what the rows of its choice give */
static void
deal(InvPart *parts, int64 *given)
{
	int64		wanted = parts->change->quantity;

	for (int i = 0; i < parts->change->nsources; i++)
	{
		parts[i].quantity = Min(wanted, given[i]);
		parts[i].row->left -= parts[i].quantity;
		given[i] -= parts[i].quantity;
		wanted -= parts[i].quantity;
	}
}

/* is_open - is this the first part of a change that nobody dealt with yet? */
static bool
is_open(const InvPart *part)
{
	return part->change->nsources > 0 && part->quantity < 0 &&
		part->location == part->change->sources[0];
}

/*
 * decide_choice - the change that begins with this part, together with all
 * others of the same choice
 */
static void
decide_choice(InvPart *first)
{
	const InvRow *row = first->row;
	int			count = first->change->nsources;
	int64		units = 0;
	int64	   *given = palloc(count * sizeof(int64));
	bool		enough;

	for (int i = 0; i < row->nparts; i++)
		if (is_open(row->parts[i]) &&
			same_choice(row->parts[i]->change, first->change))
			units = add_capped(units, row->parts[i]->change->quantity);
	enough = choose(first, count, units, false, given) ||
		choose(first, count, units, true, given);
	for (int i = 0; i < row->nparts; i++)
	{
		InvPart    *part = row->parts[i];

		if (!is_open(part) || !same_choice(part->change, first->change))
			continue;
		if (enough)
			deal(part, given);
		for (int j = 0; j < count; j++)
		{
			part[j].quantity = Max(0, part[j].quantity);
			if (!enough && part[j].status == INV_OK)
				part[j].status = INV_INSUFFICIENT_STOCK;
		}
	}
	pfree(given);
}

static void
decide_choices(InvBatch *batch)
{
	for (int i = 0; i < batch->nparts; i++)
	{
		InvPart    *part = &batch->parts[i];
		bool		refused = false;

		if (!is_open(part))
			continue;
		for (int j = 0; j < part->change->nsources; j++)
			refused = refused || part[j].status != INV_OK;
		if (!refused)
			decide_choice(part);
	}
}

/* ---------- all or none ---------- */

/* begin_row - what is left of a row after what is fixed */
static void
begin_row(InvRow *row)
{
	row->next = row->stock;
	row->leads = NULL;
	row->left = row->stock.on_hand - row->stock.reserved;
	row->keep = INV_NO_KEEP;
	row->demand = 0;
	for (int i = 0; i < row->nparts; i++)
	{
		InvPart    *part = row->parts[i];
		bool		fixed = part->change->nsources == 0;

		part->lead = NULL;
		part->status = standing(part, &row->stock);
		part->quantity = fixed ? part->change->quantity : -1;
		if (!fixed)
			continue;
		if (part->change->takes)
			row->demand = add_capped(row->demand, part->quantity);
		row->left = add_capped(row->left, gain(part));
		row->keep = Max(row->keep, part->change->keep);
	}
}

static bool
row_suffices(const InvRow *row)
{
	return row->left >= least(&row->stock, true, row->keep);
}

/* set_backordered - the shelf serves the lines in their order */
static void
set_backordered(InvRow *row)
{
	int64		later = 0;

	for (int i = row->nparts - 1; i >= 0; i--)
	{
		InvPart    *part = row->parts[i];

		if (!part->change->sells)
			continue;
		part->backordered = backordered(&row->next, part->quantity, later);
		later = add_capped(later, part->quantity);
	}
}

/* end_row - checks the sum, and makes it the row's next state */
static bool
end_row(InvRow *row)
{
	bool		suffices = row_suffices(row);
	bool		ok = true;

	for (int i = 0; i < row->nparts; i++)
	{
		InvPart    *part = row->parts[i];

		if (part->status == INV_OK && part->change->takes && !suffices &&
			part->quantity > 0)
			part->status = INV_INSUFFICIENT_STOCK;
		ok = ok && part->status == INV_OK;
		if (ok && part->quantity >= (row->counted ? 0 : 1))
			join_movement(part, true);
	}
	if (!ok || row->leads == NULL)
		return ok;

	if (row->counted)
		row->leads->on_hand_delta +=
			row->moved - row->stock.on_hand;
	for (InvPart *lead = row->leads; lead; lead = lead->next_lead)
	{
		row->next.on_hand = add_capped(row->next.on_hand,
									   lead->on_hand_delta);
		row->next.reserved += lead->reserved_delta;
		row->next.version++;
	}
	set_backordered(row);
	return true;
}

static bool
decide_together(InvBatch *batch)
{
	bool		ok = true;
	int			count;

	for (int i = 0; i < batch->nrows; i++)
		begin_row(&batch->rows[i]);
	decide_choices(batch);
	for (int i = 0; i < batch->nrows; i++)
		if (!end_row(&batch->rows[i]))
			ok = false;
	if (ok)
		return true;
	for (int i = 0; i < batch->nparts; i += count)
	{
		count = line_length(batch, i);
		tell_one_refusal(&batch->parts[i], count);
	}
	return false;
}

bool
inv_decide(InvBatch *batch)
{
	if (!batch->order->each)
		return decide_together(batch);
	for (int i = 0; i < batch->nrows; i++)
	{
		batch->rows[i].next = batch->rows[i].stock;
		batch->rows[i].leads = NULL;
	}
	return decide_each(batch);
}
