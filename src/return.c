/*
 * return.c
 *		inv_return: giving back what a call took.
 *
 * The original call is known by its key, which its movements bear.  They are
 * locked first: two returns of one call follow each other, and the later one
 * sees what the earlier one gave back, whatever the isolation level.  In the
 * lock order they stand between keys and stock rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "plan.h"
#include "request.h"
#include "return.h"

PG_FUNCTION_INFO_V1(inv_return);

/* A movement of the original call, and how much of it is not given back */
typedef struct Original
{
	int64		movement_id;
	text	   *sku;
	text	   *location;
	text	   *reference;
	int64		left;
} Original;

typedef struct Originals
{
	Original   *movements;
	int			count;
	int64		left;
} Originals;

static InvPlan lock_plan = {
	.sql = "SELECT FROM @inv_movement"
	" WHERE key = $1 AND kind = 'deduct' AND ($2 IS NULL OR sku = $2)"
	" ORDER BY movement_id FOR UPDATE",
	.latest_snapshot = true,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

/* the stock row's own names, in case the item was renamed since */
static InvPlan originals_plan = {
	.sql = "SELECT m.movement_id, s.sku::text, s.location::text, m.reference,"
	"  -m.on_hand_delta - coalesce((SELECT sum(r.on_hand_delta)::bigint"
	"    FROM @inv_movement r WHERE r.original_id = m.movement_id), 0)"
	" FROM @inv_movement m JOIN @inv_stock s USING (stock_id)"
	" WHERE m.key = $1 AND m.kind = 'deduct' AND ($2 IS NULL OR m.sku = $2)"
	" ORDER BY s.sku, s.location",
	.latest_snapshot = true,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static text *
copy_text(HeapTuple row, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = SPI_getbinval(row, desc, column, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
}

static void
copy_original(HeapTuple row, TupleDesc desc, Original *original)
{
	bool		isnull;

	original->movement_id = DatumGetInt64(SPI_getbinval(row, desc, 1, &isnull));
	original->sku = copy_text(row, desc, 2);
	original->location = copy_text(row, desc, 3);
	original->reference = copy_text(row, desc, 4);
	original->left = DatumGetInt64(SPI_getbinval(row, desc, 5, &isnull));
}

/* find_originals - locks and reads the movements of the original call */
static void
find_originals(const InvCatalogue *cat, text *key, text *sku,
			   Originals *originals)
{
	InvPlanScope scope;
	MemoryContext caller = CurrentMemoryContext;
	Datum		values[2] = {PointerGetDatum(key), PointerGetDatum(sku)};
	const char *nulls = sku ? "  " : " n";
	MemoryContext old;
	int			locked;

	inv_plan_begin(&scope, cat);
	/* again, if a movement was committed in between: it is not locked */
	do
	{
		locked = inv_plan_run(&scope, &lock_plan, values, nulls, 0);
		originals->count = inv_plan_run(&scope, &originals_plan, values,
										nulls, 0);
	} while (originals->count > locked);
	originals->left = 0;

	old = MemoryContextSwitchTo(caller);
	originals->movements = palloc(originals->count * sizeof(Original));
	for (int i = 0; i < originals->count; i++)
	{
		copy_original(SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
					  &originals->movements[i]);
		originals->left += originals->movements[i].left;
	}
	MemoryContextSwitchTo(old);
	inv_plan_end(&scope);
}

static void
raise_unknown_call(const InvChange *change, int line)
{
	const char *key = text_to_cstring(change->of_key);

	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_CALL),
			 errmsg("%sno call with key \"%s\" deducted %s",
					inv_line_prefix(line), key,
					change->sku ? "this item" : "anything"),
			 inv_errdetail("line:n of_key:s sku:s", (int64) line, key,
						   change->sku ? text_to_cstring(change->sku) : NULL),
			 errhint("Pass the key of an inv_deduct() that was committed.")));
}

static void
raise_exceeds_call(const InvChange *change, int line, int64 left)
{
	const char *key = text_to_cstring(change->of_key);
	NullableDatum quantity = {
		.value = Int64GetDatum(change->quantity),
		.isnull = change->quantity == 0
	};

	ereport(ERROR,
			(errcode(INV_ERRCODE_EXCEEDS_CALL),
			 errmsg("%sonly " INT64_FORMAT " of the call with key \"%s\" are left to return",
					inv_line_prefix(line), left, key),
			 inv_errdetail("line:n of_key:s requested:d available:i",
						   (int64) line, key, quantity, left),
			 errhint("inv_history() shows what was returned already.")));
}

/* The changes that a return becomes */
typedef struct Resolved
{
	InvChange  *changes;
	int			count;
} Resolved;

/* already - what earlier lines of the same order give back of a movement */
static int64
already(const Resolved *resolved, int nresolved, int64 movement_id)
{
	int64		units = 0;

	for (int i = 0; i < nresolved; i++)
		for (int j = 0; j < resolved[i].count; j++)
			if (resolved[i].changes[j].original_id == movement_id)
				units += resolved[i].changes[j].quantity;
	return units;
}

/* give_back - one change for each movement of the original call */
static void
give_back(const InvChange *asked, const Originals *originals,
		  Resolved *resolved)
{
	int64		quantity = asked->quantity > 0 ? asked->quantity :
	originals->left;

	resolved->changes = palloc(originals->count * sizeof(InvChange));
	resolved->count = 0;
	for (int i = 0; i < originals->count && quantity > 0; i++)
	{
		const Original *original = &originals->movements[i];
		InvChange  *change = &resolved->changes[resolved->count];
		InvLabels  *labels;

		if (original->left == 0)
			continue;
		labels = palloc(sizeof(InvLabels));
		*labels = *asked->labels;
		labels->reference = original->reference;
		*change = *asked;
		change->labels = labels;
		change->sku = original->sku;
		if (asked->location == NULL)
			change->location = original->location;
		change->quantity = Min(quantity, original->left);
		change->original_id = original->movement_id;
		quantity -= change->quantity;
		resolved->count++;
	}
}

/* resolve_one - the changes of one line that asks for a return */
static void
resolve_one(const InvCatalogue *cat, const InvChange *asked, int line,
			const Resolved *others, int nothers, Resolved *resolved)
{
	Originals	originals;

	find_originals(cat, asked->of_key, asked->sku, &originals);
	if (originals.count == 0)
		raise_unknown_call(asked, line);
	for (int i = 0; i < originals.count; i++)
	{
		int64		units = already(others, nothers,
									originals.movements[i].movement_id);

		originals.movements[i].left -= units;
		originals.left -= units;
	}
	if (originals.left == 0 || asked->quantity > originals.left)
		raise_exceeds_call(asked, line, originals.left);
	give_back(asked, &originals, resolved);
}

/* compare_asked - by the key of the original call, then by line */
static int
compare_asked(const void *a, const void *b)
{
	const InvChange *x = *(InvChange *const *) a;
	const InvChange *y = *(InvChange *const *) b;
	int			result = inv_text_compare(x->of_key, y->of_key);

	return result != 0 ? result : x->line - y->line;
}

/* asked_of - the changes that ask for a return, in the order of their keys */
static const InvChange **
asked_of(const InvOrder *order, int *count)
{
	const InvChange **asked = palloc(order->count * sizeof(InvChange *));

	*count = 0;
	for (int i = 0; i < order->count; i++)
		if (order->changes[i].of_key)
			asked[(*count)++] = &order->changes[i];
	qsort(asked, *count, sizeof(InvChange *), compare_asked);
	return asked;
}

void
inv_return_resolve(const InvCatalogue *cat, InvOrder *order)
{
	int			nasked;
	const InvChange **asked = asked_of(order, &nasked);
	Resolved   *resolved = palloc(nasked * sizeof(Resolved));
	int			total = order->count;
	InvChange  *changes;
	InvChange  *next;

	if (nasked == 0)
		return;
	for (int i = 0; i < nasked; i++)
	{
		resolve_one(cat, asked[i], order->numbered ? asked[i]->line : 0,
					resolved, i, &resolved[i]);
		total += resolved[i].count;
	}

	changes = next = palloc(total * sizeof(InvChange));
	for (int i = 0; i < order->count; i++)
	{
		const InvChange *change = &order->changes[i];
		int			found = 0;

		if (change->of_key == NULL)
		{
			*next++ = *change;
			continue;
		}
		while (asked[found] != change)
			found++;
		memcpy(next, resolved[found].changes,
			   resolved[found].count * sizeof(InvChange));
		next += resolved[found].count;
	}
	order->changes = changes;
	order->count = next - changes;
}

Datum
inv_return(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvRequest	request;
	InvLabels	labels = {.occurred_at = DT_NOBEGIN};
	InvChange	change = inv_change_return;
	InvOrder	order = {.changes = &change, .count = 1, .linked = true};
	InvAnswer	answer = {NULL};
	NullableDatum quantity;

	inv_call_begin_writing(&call, fcinfo, "inv_return", 5);
	change.of_key = inv_call_key(&call, 0, "of_key");
	quantity = inv_call_optional_quantity(&call, 1);
	change.quantity = quantity.isnull ? 0 : DatumGetInt64(quantity.value);
	change.sku = inv_call_optional_name(&call, 2, "sku");
	change.location = inv_call_optional_name(&call, 3, "location");
	labels.reason = inv_call_reason(&call, 4);
	labels.key = call.key;
	change.labels = &labels;

	if (!inv_request_begin(&request, cat, &call, &answer))
	{
		inv_return_resolve(cat, &order);
		inv_stock_apply(cat, &order, &answer);
		inv_outcome_raise(cat, &answer);
		inv_request_end(&request, cat, &answer);
	}
	inv_outcome_srf(fcinfo, cat, &answer);
	return (Datum) 0;
}
