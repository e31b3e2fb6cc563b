/*
 * answer.c
 *		What came of a call's changes: its outcomes, in the order of the input.
 */
#include "postgres.h"

#include "bundle.h"
#include "stockbatch.h"

/* The outcomes under way */
typedef struct Answering
{
	const InvBatch *batch;
	bool		applied;
	InvAnswer  *answer;
} Answering;

/* stock_of - the row of a part as the outcome shall tell it */
static const InvStock *
stock_of(const Answering *a, const InvPart *part)
{
	if (a->batch->order->each)
		return &part->after;
	return a->applied ? &part->row->next : &part->row->stock;
}

/* is_done - was this part done? */
static bool
is_done(const Answering *a, const InvPart *part)
{
	return a->applied && part->lead != NULL;
}

/* refused_part - the one that says why, or the first */
static const InvPart *
refused_part(const InvPart *parts, int count)
{
	for (int i = 0; i < count; i++)
		if (parts[i].status != INV_OK && parts[i].status != INV_NOT_APPLIED)
			return &parts[i];
	return parts;
}

/* status_of - of parts that are told as one */
static InvStatus
status_of(const Answering *a, const InvPart *parts, int count)
{
	const InvPart *why = refused_part(parts, count);

	if (why->status != INV_OK)
		return why->status;
	if (a->batch->order->each || a->applied)
		return INV_OK;
	return INV_NOT_APPLIED;
}

/* begin_outcome - what is the same for every kind */
static InvOutcome *
begin_outcome(Answering *a, const InvChange *change, InvStatus status)
{
	InvOutcome *outcome = &a->answer->outcomes[a->answer->count++];

	memset(outcome, 0, sizeof(*outcome));
	outcome->line = change->line;
	outcome->status = status;
	outcome->sku = change->sku;
	outcome->location = change->location;
	outcome->quantity_known = true;
	outcome->quantity = change->quantity;
	outcome->keep = change->keep;
	outcome->expected_version = change->expected_version;
	return outcome;
}

/* tell_part - one stock row */
static void
tell_part(Answering *a, const InvPart *part)
{
	InvOutcome *outcome = begin_outcome(a, part->change,
										status_of(a, part, 1));

	outcome->location = part->location;
	if (part->row->status != INV_OK)
		return;
	inv_stock_tell(stock_of(a, part), outcome);
	outcome->requested = part->row->demand;
	if (!is_done(a, part))
		return;
	if (part->change->nsources > 0)
		outcome->quantity = part->quantity;
	outcome->backordered = part->backordered;
	outcome->movement_id = part->lead->movement_id;
}

/* is_at - null is anywhere */
static bool
is_at(const InvPart *part, const text *location)
{
	return location == NULL || inv_text_compare(part->location, location) == 0;
}

/*
 * add_up - the rows of a choice together, or the one at the location; false if
 * there is none of one
 */
static bool
add_up(const Answering *a, const InvPart *parts, int count,
	   const text *location, InvStock *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int i = 0; i < count; i++)
	{
		const InvStock *stock = stock_of(a, &parts[i]);

		if (parts[i].row->status != INV_OK)
			return false;
		if (!is_at(&parts[i], location))
			continue;
		sum->on_hand += stock->on_hand;
		sum->reserved += stock->reserved;
		sum->safety_stock += stock->safety_stock;
		sum->backorder_limit += stock->backorder_limit;
	}
	return true;
}

static void
tell_sum(InvOutcome *outcome, int64 on_hand, int64 available)
{
	outcome->stock_known = true;
	outcome->combined = true;
	outcome->on_hand = on_hand;
	outcome->available = available;
}

/* tell_choice - what it took from each row, or that it took nothing */
static void
tell_choice(Answering *a, const InvPart *parts, int count)
{
	InvStatus	status = status_of(a, parts, count);
	InvOutcome *outcome;
	InvStock	sum;

	if (status == INV_OK)
	{
		for (int i = 0; i < count; i++)
			if (parts[i].quantity > 0)
				tell_part(a, &parts[i]);
		return;
	}
	outcome = begin_outcome(a, parts->change, status);
	if (status == INV_UNKNOWN_LOCATION)
		outcome->location = refused_part(parts, count)->location;
	if (add_up(a, parts, count, NULL, &sum))
		tell_sum(outcome, sum.on_hand, inv_stock_available(&sum));
}

/* tell_numbers_of_bundle - what its scarcest component allows */
static void
tell_numbers_of_bundle(const Answering *a, const InvPart *parts, int count,
					   InvOutcome *outcome)
{
	int64		on_hand = PG_INT64_MAX;
	int64		available = PG_INT64_MAX;
	int			choice;

	for (int i = 0; i < count; i += choice)
	{
		const InvChange *change = parts[i].change;
		InvStock	sum;

		choice = Max(1, change->nsources);
		if (!add_up(a, &parts[i], choice, outcome->location, &sum))
			return;
		on_hand = Min(on_hand, inv_bundle_complete(sum.on_hand, change->units));
		available = Min(available, inv_bundle_complete(inv_stock_available(&sum),
													   change->units));
	}
	tell_sum(outcome, on_hand, available);
}

/* common_location - where all parts were taken; null: at several places */
static text *
common_location(const Answering *a, const InvPart *parts, int count)
{
	text	   *location = NULL;

	for (int i = 0; i < count; i++)
	{
		if (!is_done(a, &parts[i]))
			continue;
		if (!is_at(&parts[i], location))
			return NULL;
		location = parts[i].location;
	}
	return location;
}

/* requested_bundles - so many would take what the call asks of a component */
static int64
requested_bundles(const InvPart *part)
{
	return -inv_bundle_complete(-part->row->demand, part->change->units);
}

/* tell_bundle - one outcome for all its components */
static void
tell_bundle(Answering *a, const InvPart *parts, int count)
{
	const InvPart *why = refused_part(parts, count);
	InvStatus	status = status_of(a, parts, count);
	InvOutcome *outcome = begin_outcome(a, parts->change, status);

	outcome->sku = parts->change->bundle->sku;
	outcome->quantity = parts->change->bundle->quantity;
	if (outcome->keep != INV_NO_KEEP)
		outcome->keep /= parts->change->units;
	if (status == INV_UNKNOWN_LOCATION)
		outcome->location = why->location;
	else if (status == INV_OK)
		outcome->location = common_location(a, parts, count);
	else
		outcome->requested = requested_bundles(why);
	tell_numbers_of_bundle(a, parts, count, outcome);
	for (int i = 0; i < count; i++)
		if (is_done(a, &parts[i]))
			outcome->backordered =
				Max(outcome->backordered,
					-inv_bundle_complete(-parts[i].backordered,
										 parts[i].change->units));
}

/* length - how many parts are told together with this one */
static int
length(const InvBatch *batch, int first)
{
	const InvChange *change = batch->parts[first].change;
	int			end = first + Max(1, change->nsources);

	while (change->bundle && end < batch->nparts &&
		   batch->parts[end].change->bundle == change->bundle)
		end++;
	return end - first;
}

void
inv_answer_make(const InvBatch *batch, bool applied, InvAnswer *answer)
{
	Answering	a = {batch, applied, answer};
	int			count;

	/* a single call brings room for its one outcome */
	if (batch->nparts > 1 || answer->outcomes == NULL)
		answer->outcomes = palloc(batch->nparts * sizeof(InvOutcome));
	answer->count = 0;
	answer->numbered = batch->order->numbered;
	for (int i = 0; i < batch->nparts; i += count)
	{
		const InvPart *parts = &batch->parts[i];

		count = length(batch, i);
		if (parts->change->bundle)
			tell_bundle(&a, parts, count);
		else if (parts->change->nsources > 0)
			tell_choice(&a, parts, count);
		else
			tell_part(&a, parts);
	}
}
