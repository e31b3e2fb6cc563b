/*
 * hold.c
 *		Holds: reservations with a name, decided later (TCC).
 *
 * Try reserves, confirm makes a sale of what is reserved, cancel gives it
 * back.  Coordinators repeat calls, lose answers and overtake themselves, so
 * every call must be answered right in any order: what was answered before
 * decides.
 *
 * The row of the hold is the fence.  Try and cancel insert it, and the unique
 * index lets one of them wait for the other; every call but the first locks
 * it, and changes it in the transaction that changes the stock.  It stays as a
 * tombstone when it is decided; its lines do not.
 *
 * Invariants
 * - reserved of a stock row is the sum of what the lines of holds hold of it.
 * - Only a hold in state held has lines that hold anything; one that has
 *	 expired and may reacquire keeps lines that hold nothing.
 * - A hold that was confirmed or cancelled never changes again.
 *
 * Lock order: holds come before stock rows, as keys do.  Who locks several
 * holds skips those that are locked.  Stock is changed last where that can be:
 * a stock row is what others wait for.
 *
 * Whether the time of a hold is over is asked of the clock whenever it is
 * touched: a hold that is released then is lost, if a sweep has run or not.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "guc.h"
#include "hold.h"
#include "holdrow.h"
#include "lines.h"
#include "plan.h"

#define MAX_TTL_SECONDS (365 * 24 * 60 * 60)
#define MAX_EXPIRED 100000

PG_FUNCTION_INFO_V1(inv_try);
PG_FUNCTION_INFO_V1(inv_confirm);
PG_FUNCTION_INFO_V1(inv_cancel);
PG_FUNCTION_INFO_V1(inv_extend);
PG_FUNCTION_INFO_V1(inv_expire_holds);

/* The columns of inv_hold_outcome */
enum
{
	OUT_STATUS,
	OUT_XID,
	OUT_BRANCH,
	OUT_STATE,
	OUT_EXPIRES_AT,
	OUT_REPLAYED,
	OUT_SKU,
	OUT_LOCATION,
	OUT_REQUESTED,
	OUT_AVAILABLE,
	OUT_COLUMNS
};

/* ---------- what is common to the calls ---------- */

static bool
is_empty(const text *value)
{
	return VARSIZE_ANY_EXHDR(value) == 0;
}

/* name_of - a hold as the ledger and errors name it */
static text *
name_of(const InvHold *hold)
{
	if (is_empty(hold->branch))
		return hold->xid;
	return cstring_to_text(psprintf("%s/%s", text_to_cstring(hold->xid),
									text_to_cstring(hold->branch)));
}

/* is_lost - has the hold expired for good, whether or not that was noticed? */
static bool
is_lost(const InvHold *hold)
{
	if (hold->on_expiry != INV_RELEASE)
		return false;
	return hold->state == INV_EXPIRED ||
		(hold->state == INV_HELD &&
		 hold->expires_at <= GetCurrentTimestamp());
}

/* state_of - as errors tell it; null for a hold that there is not */
static const char *
state_of(const InvHold *hold)
{
	if (hold->hold_id == 0)
		return NULL;
	return inv_hold_state_name(is_lost(hold) ? INV_EXPIRED : hold->state);
}

static void
raise_hold(int sqlstate, const InvHold *hold, const char *problem,
		   const char *hint)
{
	ereport(ERROR,
			(errcode(sqlstate),
			 errmsg("hold \"%s\" %s", text_to_cstring(name_of(hold)), problem),
			 inv_errdetail("xid:s branch:s state:s",
						   text_to_cstring(hold->xid),
						   text_to_cstring(hold->branch), state_of(hold)),
			 errhint("%s", hint)));
}

static void
raise_unknown(const InvHold *hold)
{
	raise_hold(INV_ERRCODE_UNKNOWN_HOLD, hold, "holds nothing",
			   "Call inv_try() first; one that was refused holds nothing.");
}

static void
raise_confirmed(const InvHold *hold)
{
	raise_hold(INV_ERRCODE_HOLD_CONFIRMED, hold, "was confirmed already",
			   "Give back what was sold with inv_receive().");
}

static void
raise_cancelled(const InvHold *hold)
{
	raise_hold(INV_ERRCODE_HOLD_CANCELLED, hold, "was cancelled already",
			   "Try again under another xid.");
}

static void
raise_expired(const InvHold *hold)
{
	raise_hold(INV_ERRCODE_HOLD_EXPIRED, hold, "has expired",
			   "Try again under another xid, with a longer ttl_seconds.");
}

static void
raise_differs(const InvHold *hold, const char *problem)
{
	raise_hold(INV_ERRCODE_HOLD_DIFFERS, hold, problem,
			   "Repeat a call with the same arguments; use another xid for something else.");
}

/* get_name - the xid and branch of a call */
static void
get_name(InvCall *call, int xid_arg, int branch_arg, InvHold *hold)
{
	memset(hold, 0, sizeof(*hold));
	hold->expires_at = hold->decided_at = DT_NOBEGIN;
	hold->xid = inv_call_name(call, xid_arg, "xid");
	if (is_empty(hold->xid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"xid\" must not be empty"),
				 inv_errdetail("argument:s value:s", "xid", ""),
				 errhint("Pass the name of the global transaction.")));
	hold->branch = inv_call_text(call, branch_arg, "branch",
								 INV_MAX_NAME_BYTES);
}

static TimestampTz
seconds_from_now(int64 seconds)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), seconds * 1000);
}

/* answer - the hold as it stands */
static Datum
answer(const InvCatalogue *cat, const InvHold *hold, bool replayed)
{
	const InvOutcome *refusal = &hold->refusal;
	bool		refused = hold->state == INV_REFUSED;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};

	if (unlikely(cat->hold_outcome->natts != OUT_COLUMNS))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("\"inv_hold_outcome\" is that of another version of inventory"),
				 errhint("Run ALTER EXTENSION inventory UPDATE, and reconnect.")));
	values[OUT_STATUS] =
		CStringGetTextDatum(inv_status_name(refused ? refusal->status :
											INV_OK));
	values[OUT_XID] = PointerGetDatum(hold->xid);
	values[OUT_BRANCH] = PointerGetDatum(hold->branch);
	values[OUT_STATE] = CStringGetTextDatum(inv_hold_state_name(hold->state));
	values[OUT_EXPIRES_AT] = TimestampTzGetDatum(hold->expires_at);
	nulls[OUT_EXPIRES_AT] = hold->state != INV_HELD;
	values[OUT_REPLAYED] = BoolGetDatum(replayed);
	values[OUT_SKU] = PointerGetDatum(refusal->sku);
	nulls[OUT_SKU] = !refused;
	values[OUT_LOCATION] = PointerGetDatum(refusal->location);
	nulls[OUT_LOCATION] = !refused || refusal->location == NULL;
	values[OUT_REQUESTED] = Int64GetDatum(refusal->requested);
	nulls[OUT_REQUESTED] = !refused;
	values[OUT_AVAILABLE] = Int64GetDatum(refusal->available);
	nulls[OUT_AVAILABLE] = !refused || !refusal->stock_known;
	return HeapTupleGetDatum(heap_form_tuple(cat->hold_outcome, values,
											 nulls));
}

/* get_hold - locks the hold of that name, if there is one */
static bool
get_hold(const InvCatalogue *cat, InvHold *hold)
{
	/* it may go away between the two: nobody decides it any more then */
	while (inv_holdrow_find(cat, hold))
	{
		CHECK_FOR_INTERRUPTS();
		if (inv_holdrow_lock(cat, hold))
			return true;
	}
	return false;
}

/* get_array - the elements of a stored array, one for each line */
static const int64 *
get_array(const InvHold *hold, Datum array, int *count)
{
	ArrayType  *stored = DatumGetArrayTypeP(array);

	if (ARR_NDIM(stored) != 1 || ARR_HASNULL(stored))
		inv_holdrow_refuse(hold);
	*count = ARR_DIMS(stored)[0];
	return (const int64 *) ARR_DATA_PTR(stored);
}

/* get_tried - the quantities of the try */
static const int64 *
get_tried(const InvHold *hold, int *count)
{
	return get_array(hold, hold->quantities, count);
}

/* get_confirmed - so much was taken of each of so many lines: zeros at first */
static const int64 *
get_confirmed(const InvHold *hold, int count)
{
	const int64 *confirmed;
	int			stored;

	if (hold->confirmed == (Datum) 0)
		return palloc0(count * sizeof(int64));
	confirmed = get_array(hold, hold->confirmed, &stored);
	if (stored != count)
		inv_holdrow_refuse(hold);
	return confirmed;
}

/* ---------- changes of what is held ---------- */

/* Changes of stock rows on behalf of holds */
typedef struct Changes
{
	InvChange  *list;
	int			count;
	int			room;
} Changes;

static InvChange *
add_change(Changes *changes, const InvChange *like, const InvLabels *labels,
		   const InvHoldLine *line, int64 quantity)
{
	InvChange  *change;

	if (changes->count == changes->room)
	{
		changes->room = Max(8, changes->room * 2);
		changes->list = changes->list == NULL ?
			palloc(changes->room * sizeof(InvChange)) :
			repalloc_huge(changes->list, changes->room * sizeof(InvChange));
	}
	change = &changes->list[changes->count++];
	*change = *like;
	change->labels = labels;
	change->line = line->line;
	change->sku = line->sku;
	change->location = line->location;
	change->quantity = quantity;
	return change;
}

/* make_changes - all of them; raises if one is refused */
static void
make_changes(const InvCatalogue *cat, const Changes *changes)
{
	InvOrder	order = {
		.changes = changes->list,
		.count = changes->count,
		.numbered = true
	};
	InvAnswer	outcome = {.never_returned = true};

	if (changes->count == 0)
		return;
	inv_stock_apply(cat, &order, &outcome);
	inv_outcome_raise(cat, &outcome);
}

static void
set_labels(const InvHold *hold, InvLabels *labels)
{
	memset(labels, 0, sizeof(*labels));
	labels->reference = hold->reference;
	labels->hold = name_of(hold);
	labels->occurred_at = DT_NOBEGIN;
}

/* release - gives back all that the lines hold */
static void
release(const InvCatalogue *cat, const InvHold *hold,
		const InvHoldLine *lines, int count)
{
	Changes		changes = {NULL};
	InvLabels	labels;

	set_labels(hold, &labels);
	for (int i = 0; i < count; i++)
		if (lines[i].held > 0)
			add_change(&changes, &inv_change_release, &labels, &lines[i],
					   lines[i].held);
	make_changes(cat, &changes);
}

/* decide - the hold gets its last state, and has no lines any more */
static void
decide(const InvCatalogue *cat, InvHold *hold, InvHoldState state,
	   const InvHoldLine *lines, int count)
{
	if (count > 0)
		inv_holdline_delete(cat, lines, count);
	hold->state = state;
	hold->decided_at = GetCurrentTimestamp();
	inv_holdrow_write(cat, hold);
}

/* ---------- try ---------- */

static InvOnExpiry
get_on_expiry(InvCall *call, int arg)
{
	text	   *value = inv_call_text(call, arg, "on_expiry",
									  INV_MAX_NAME_BYTES);
	char	   *name = text_to_cstring(value);
	InvOnExpiry on_expiry;

	if (!inv_on_expiry_from_name(name, &on_expiry))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown value \"%s\" of argument \"on_expiry\"",
						name),
				 inv_errdetail("argument:s value:s", "on_expiry", name),
				 errhint("It is release, keep or reacquire.")));
	return on_expiry;
}

/* store_lines - what the try has taken from which stock row */
static void
store_lines(const InvCatalogue *cat, const InvHold *hold,
			const InvTakings *takings)
{
	InvHoldLine *lines = palloc0(takings->count * sizeof(InvHoldLine));

	for (int i = 0; i < takings->count; i++)
	{
		const InvTaking *taking = &takings->list[i];

		lines[i].position = i + 1;
		lines[i].line = taking->line;
		lines[i].units = taking->units;
		lines[i].stock_id = taking->stock_id;
		lines[i].sku = taking->sku;
		lines[i].location = taking->location;
		lines[i].quantity = lines[i].held = taking->quantity;
	}
	inv_holdline_insert(cat, hold->hold_id, lines, takings->count);
}

/* reserve - the try proper: the name is ours */
static void
reserve(const InvCatalogue *cat, InvHold *hold, InvLines *lines, bool strict)
{
	InvLabels	labels;
	InvTakings	takings;
	InvAnswer	outcome = {NULL};
	InvOrder	order = {
		.changes = lines->changes,
		.count = lines->count,
		.linked = true,
		.numbered = true,
		.takings = &takings
	};
	const InvOutcome *refusal;

	set_labels(hold, &labels);
	for (int i = 0; i < lines->count; i++)
		lines->changes[i].labels = &labels;
	inv_stock_apply(cat, &order, &outcome);
	if (strict)
		inv_outcome_raise(cat, &outcome);
	refusal = inv_outcome_refusal(&outcome);
	if (refusal)
	{
		hold->refusal = *refusal;
		hold->expires_at = DT_NOBEGIN;
		decide(cat, hold, INV_REFUSED, NULL, 0);
	}
	else
		store_lines(cat, hold, &takings);
}

/* try_again - answers a try of a name that is known */
static void
try_again(const InvCatalogue *cat, const InvHold *hold, Datum digest,
		  bool strict)
{
	InvOutcome	refusal = hold->refusal;
	InvAnswer	outcome = {&refusal, 1, .numbered = true};

	if (hold->state == INV_CANCELLED)
		raise_cancelled(hold);
	if (is_lost(hold))
		raise_expired(hold);
	if (!DatumGetBool(DirectFunctionCall2(byteaeq, hold->digest, digest)))
		raise_differs(hold, "was tried with other arguments");
	if (hold->state == INV_REFUSED && strict)
		inv_outcome_raise(cat, &outcome);
}

Datum
inv_try(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvLines	lines;
	InvHold		hold;
	InvHold		known;
	int64	   *quantities;
	bool		strict;

	inv_call_begin_writing(&call, fcinfo, "inv_try", INV_NO_KEY_ARGUMENT);
	inv_call_begin_notes(&call);
	get_name(&call, 0, 5, &hold);
	inv_lines_begin(&lines, &call, &inv_change_try, 1);
	inv_lines_quantities(&lines, 2, "quantities", 1);
	inv_lines_sources(&lines, cat, 4, 3);
	hold.expires_at = seconds_from_now(inv_call_integer(&call, 6,
														"ttl_seconds", 1,
														MAX_TTL_SECONDS));
	hold.on_expiry = get_on_expiry(&call, 7);
	hold.reference = inv_call_reference(&call, 8);
	strict = inv_call_flag(&call, 9, "strict");

	quantities = palloc(lines.count * sizeof(int64));
	for (int i = 0; i < lines.count; i++)
		quantities[i] = lines.changes[i].quantity;
	hold.quantities = inv_plan_int8_array(quantities, lines.count);
	hold.digest = inv_call_digest(&call);
	hold.owner = inv_ledger_actor();
	hold.created_at = GetCurrentTimestamp();
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		known = hold;
		if (inv_holdrow_insert(cat, &known))
		{
			reserve(cat, &known, &lines, strict);
			return answer(cat, &known, false);
		}
		/* a tombstone may be removed meanwhile */
		if (inv_holdrow_lock(cat, &known))
			break;
	}
	try_again(cat, &known, hold.digest, strict);
	return answer(cat, &known, true);
}

/* ---------- confirm ---------- */

static void
raise_exceeds(const InvHold *hold, int line, int64 requested, int64 held)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_EXCEEDS_HOLD),
			 errmsg("line %d: hold \"%s\" holds " INT64_FORMAT ", not "
					INT64_FORMAT, line, text_to_cstring(name_of(hold)),
					held, requested),
			 inv_errdetail("line:i xid:s branch:s state:s requested:i held:i",
						   (int64) line, text_to_cstring(hold->xid),
						   text_to_cstring(hold->branch), state_of(hold),
						   requested, held),
			 errhint("Deduct what goes beyond the hold with inv_deduct().")));
}

/* get_totals - the quantities of a confirm; answers null for none: all */
static const int64 *
get_totals(InvCall *call, int arg, int *count)
{
	InvLines	lines = {.call = call, .count = INV_ANY_COUNT};
	const int64 *totals;

	*count = 0;
	if (call->fcinfo->args[arg].isnull)
		return NULL;
	totals = inv_lines_integers(&lines, arg, "quantities", 0);
	*count = lines.count;
	return totals;
}

static void
raise_length(int elements, int lines)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("array \"%s\" has %d elements, and the hold %d lines",
					"quantities", elements, lines),
			 inv_errdetail("argument:s elements:i lines:i", "quantities",
						   (int64) elements, (int64) lines),
			 errhint("Pass one element for each line.")));
}

/*
 * check_totals - raises if so much of each line cannot be taken in all
 *
 * Of what is decided nothing is left to exceed: it differs, or is the same.
 */
static void
check_totals(const InvHold *hold, const int64 *totals, int count)
{
	int			lines;
	const int64 *tried = get_tried(hold, &lines);

	if (count != lines)
		raise_length(count, lines);
	for (int i = 0; i < count && hold->state != INV_CONFIRMED; i++)
		if (totals[i] > tried[i])
			raise_exceeds(hold, i + 1, totals[i], tried[i]);
}

/* check_confirmable - raises if the hold is in no state to be confirmed */
static void
check_confirmable(const InvHold *hold)
{
	if (hold->state == INV_REFUSED)
		raise_unknown(hold);
	if (hold->state == INV_CANCELLED)
		raise_cancelled(hold);
	if (is_lost(hold))
		raise_expired(hold);
}

/*
 * is_repeated - were these totals confirmed already?
 *
 * Raises if less is asked for than was taken, or other totals than the last.
 */
static bool
is_repeated(const InvHold *hold, const int64 *totals, int count,
			bool release_rest)
{
	const int64 *confirmed = get_confirmed(hold, count);
	bool		same = hold->confirmed != (Datum) 0;

	for (int i = 0; i < count; i++)
	{
		if (totals[i] < confirmed[i])
			raise_differs(hold, "was confirmed with other quantities");
		same = same && totals[i] == confirmed[i];
	}
	if (hold->state != INV_CONFIRMED)
		return same && !release_rest;
	if (!same)
		raise_differs(hold, "was confirmed with other quantities");
	return true;
}

/*
 * confirm_line - shares a total out among the stock rows of its line
 *
 * In the order in which the try chose them, so that a larger total never takes
 * less from one.  lines: those of one line and SKU; answers how many.
 */
static int
confirm_line(Changes *changes, const InvLabels *labels, InvHoldLine *lines,
			 int count, int64 total)
{
	int64		left = total * lines->units;
	int			i;

	for (i = 0; i < count && lines[i].line == lines->line &&
		 inv_text_compare(lines[i].sku, lines->sku) == 0; i++)
	{
		InvHoldLine *line = &lines[i];
		int64		taken = Min(left, line->quantity);
		int64		more = taken - line->confirmed;

		left -= taken;
		if (more == 0)
			continue;
		add_change(changes, line->held > 0 ? &inv_change_confirm :
				   &inv_change_reacquire, labels, line, more);
		line->confirmed = taken;
		line->held = Max(0, line->held - more);
	}
	return i;
}

/* confirm - takes what is missing to the totals, and gives the rest back */
static void
confirm(const InvCatalogue *cat, InvHold *hold, const int64 *totals,
		int ntotals, bool release_rest)
{
	InvHoldLine *lines;
	int			count = inv_holdline_read(cat, hold->hold_id, &lines);
	Changes		changes = {NULL};
	InvLabels	labels;
	int64		rest = 0;

	set_labels(hold, &labels);
	for (int i = 0; i < count; i++)
		if (lines[i].line < 1 || lines[i].line > ntotals)
			inv_holdrow_refuse(hold);
	for (int i = 0; i < count;)
		i += confirm_line(&changes, &labels, &lines[i], count - i,
						  totals[lines[i].line - 1]);
	for (int i = 0; i < count; i++)
	{
		if (release_rest && lines[i].held > 0)
			add_change(&changes, &inv_change_release, &labels, &lines[i],
					   lines[i].held);
		/* also what a sweep has given back, and may be reacquired */
		rest += lines[i].quantity - lines[i].confirmed;
	}
	hold->confirmed = inv_plan_int8_array(totals, ntotals);
	if (release_rest || rest == 0)
		decide(cat, hold, INV_CONFIRMED, lines, count);
	else
	{
		inv_holdline_write(cat, hold->hold_id, lines, count);
		inv_holdrow_write(cat, hold);
	}
	make_changes(cat, &changes);
}

Datum
inv_confirm(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvHold		hold;
	const int64 *totals;
	int			count;
	bool		release_rest;
	bool		repeated;

	inv_call_begin_writing(&call, fcinfo, "inv_confirm", INV_NO_KEY_ARGUMENT);
	get_name(&call, 0, 1, &hold);
	totals = get_totals(&call, 2, &count);
	release_rest = inv_call_flag(&call, 3, "release_rest");
	if (!get_hold(cat, &hold))
		raise_unknown(&hold);
	check_confirmable(&hold);
	if (totals)
		check_totals(&hold, totals, count);
	else
		totals = get_tried(&hold, &count);
	repeated = is_repeated(&hold, totals, count, release_rest);
	if (!repeated)
		confirm(cat, &hold, totals, count, release_rest);
	return answer(cat, &hold, repeated);
}

/* ---------- cancel ---------- */

/*
 * get_or_bury - locks the hold, or makes a tombstone if there is none; answers
 * whether there was one
 */
static bool
get_or_bury(const InvCatalogue *cat, InvHold *hold)
{
	InvHold		tombstone = *hold;

	if (get_hold(cat, hold))
		return true;
	tombstone.state = INV_CANCELLED;
	tombstone.owner = inv_ledger_actor();
	tombstone.created_at = tombstone.decided_at = GetCurrentTimestamp();
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		*hold = tombstone;
		if (inv_holdrow_insert(cat, hold))
			return false;
		if (inv_holdrow_lock(cat, hold))
			return true;
	}
}

Datum
inv_cancel(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvHold		hold;
	InvHoldLine *lines;
	int			count;

	inv_call_begin_writing(&call, fcinfo, "inv_cancel", INV_NO_KEY_ARGUMENT);
	get_name(&call, 0, 1, &hold);
	if (!get_or_bury(cat, &hold))
		return answer(cat, &hold, false);
	if (hold.state == INV_CONFIRMED)
		raise_confirmed(&hold);
	if (hold.state == INV_CANCELLED)
		return answer(cat, &hold, true);
	count = inv_holdline_read(cat, hold.hold_id, &lines);
	decide(cat, &hold, INV_CANCELLED, lines, count);
	release(cat, &hold, lines, count);
	return answer(cat, &hold, false);
}

/* ---------- time ---------- */

Datum
inv_extend(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvHold		hold;
	int64		seconds;

	inv_call_begin_writing(&call, fcinfo, "inv_extend", INV_NO_KEY_ARGUMENT);
	get_name(&call, 0, 2, &hold);
	seconds = inv_call_integer(&call, 1, "ttl_seconds", 1, MAX_TTL_SECONDS);
	if (!get_hold(cat, &hold) || hold.state == INV_REFUSED)
		raise_unknown(&hold);
	if (hold.state == INV_CONFIRMED)
		raise_confirmed(&hold);
	if (hold.state == INV_CANCELLED)
		raise_cancelled(&hold);
	if (hold.state == INV_EXPIRED || is_lost(&hold))
		raise_expired(&hold);
	hold.expires_at = seconds_from_now(seconds);
	inv_holdrow_write(cat, &hold);
	return answer(cat, &hold, false);
}

/* A hold that has expired, with its lines */
typedef struct Expired
{
	InvHold		hold;
	InvLabels	labels;
	InvHoldLine *lines;
	int			count;
} Expired;

/* compare_stock - by stock row, those of one row by position */
static int
compare_stock(const void *a, const void *b)
{
	const InvHoldLine *x = *(InvHoldLine *const *) a;
	const InvHoldLine *y = *(InvHoldLine *const *) b;

	if (x->stock_id != y->stock_id)
		return x->stock_id < y->stock_id ? -1 : 1;
	return x->position - y->position;
}

/* gather_held - the first line of each stock row gets what all hold of it */
static void
gather_held(InvHoldLine *lines, int count)
{
	InvHoldLine **sorted = palloc(count * sizeof(InvHoldLine *));

	for (int i = 0; i < count; i++)
		sorted[i] = &lines[i];
	qsort(sorted, count, sizeof(InvHoldLine *), compare_stock);
	for (int i = 1; i < count; i++)
	{
		if (sorted[i]->stock_id != sorted[i - 1]->stock_id)
			continue;
		sorted[i - 1]->held += sorted[i]->held;
		sorted[i]->held = 0;
		/* it is where the next one of this row adds to, too */
		sorted[i] = sorted[i - 1];
	}
	pfree(sorted);
}

/*
 * read_expired - and the changes that give back what it holds, one for each
 * stock row: each is decided by itself, as if it were a line of its own
 */
static void
read_expired(const InvCatalogue *cat, Expired *expired, Changes *changes)
{
	expired->count = inv_holdline_read(cat, expired->hold.hold_id,
									   &expired->lines);
	set_labels(&expired->hold, &expired->labels);
	gather_held(expired->lines, expired->count);
	for (int i = 0; i < expired->count; i++)
	{
		InvHoldLine *line = &expired->lines[i];

		if (line->held > 0)
			add_change(changes, &inv_change_release, &expired->labels, line,
					   line->held)->line = changes->count;
		line->held = 0;
	}
}

/* end_expired - what may reacquire its stock is not decided yet */
static void
end_expired(const InvCatalogue *cat, Expired *expired)
{
	InvHold    *hold = &expired->hold;

	if (hold->on_expiry != INV_REACQUIRE)
	{
		decide(cat, hold, INV_EXPIRED, expired->lines, expired->count);
		return;
	}
	inv_holdline_write(cat, hold->hold_id, expired->lines, expired->count);
	hold->state = INV_EXPIRED;
	inv_holdrow_write(cat, hold);
}

int64
inv_hold_expire(const InvCatalogue *cat, int64 max_holds)
{
	InvHold    *holds;
	int			count = inv_holdrow_expired(cat, max_holds, &holds);
	Expired    *expired = palloc_extended(Max(1, count) * sizeof(Expired),
										  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	Changes		changes = {NULL};
	InvOrder	order = {.each = true};
	InvAnswer	outcome = {NULL};

	for (int i = 0; i < count; i++)
	{
		expired[i].hold = holds[i];
		if (!inv_holdrow_lock(cat, &expired[i].hold))
			elog(ERROR, "a locked hold is gone");
		read_expired(cat, &expired[i], &changes);
		end_expired(cat, &expired[i]);
	}
	order.changes = changes.list;
	order.count = changes.count;
	if (order.count > 0)
		inv_stock_apply(cat, &order, &outcome);
	if (inv_outcome_refusal(&outcome))
		elog(ERROR, "what a hold has reserved cannot be given back");
	return count;
}

Datum
inv_expire_holds(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;

	inv_call_begin_writing(&call, fcinfo, "inv_expire_holds",
						   INV_NO_KEY_ARGUMENT);
	PG_RETURN_INT64(inv_hold_expire(cat, inv_call_integer(&call, 0,
														  "max_holds", 1,
														  MAX_EXPIRED)));
}

int64
inv_hold_forget(const InvCatalogue *cat)
{
	return inv_holdrow_forget(cat, seconds_from_now(-inv_hold_retention));
}
