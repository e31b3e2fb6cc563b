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
#include "utils/memutils.h"

#include "argument.h"
#include "change.h"
#include "errors.h"
#include "plan.h"
#include "request.h"

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
raise_unknown_call(const char *key, const char *sku)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_UNKNOWN_CALL),
			 errmsg("no call with key \"%s\" deducted %s", key,
					sku ? "this item" : "anything"),
			 inv_errdetail("of_key:s sku:s", key, sku),
			 errhint("Pass the key of an inv_deduct() that was committed.")));
}

static void
raise_exceeds_call(const char *key, NullableDatum quantity, int64 left)
{
	ereport(ERROR,
			(errcode(INV_ERRCODE_EXCEEDS_CALL),
			 errmsg("only " INT64_FORMAT " of the call with key \"%s\" are left to return",
					left, key),
			 inv_errdetail("of_key:s requested:d available:i",
						   key, quantity, left),
			 errhint("inv_history() shows what was returned already.")));
}

/* give_back - one movement for each of the original */
static void
give_back(const InvCatalogue *cat, const Originals *originals,
		  int64 quantity, text *location, const InvLabels *labels,
		  InvAnswer *answer)
{
	InvChange  *changes = palloc(originals->count * sizeof(InvChange));
	InvLabels  *own = palloc(originals->count * sizeof(InvLabels));
	InvOrder	order = {.changes = changes, .linked = true};

	for (int i = 0; i < originals->count && quantity > 0; i++)
	{
		const Original *original = &originals->movements[i];
		InvChange  *change = &changes[order.count];

		if (original->left == 0)
			continue;
		own[order.count] = *labels;
		own[order.count].reference = original->reference;
		*change = inv_change_return;
		change->labels = &own[order.count];
		change->sku = original->sku;
		change->location = location ? location : original->location;
		change->quantity = Min(quantity, original->left);
		change->original_id = original->movement_id;
		quantity -= change->quantity;
		order.count++;
	}
	inv_stock_apply(cat, &order, answer);
}

Datum
inv_return(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvRequest	request;
	InvAnswer	answer = {NULL};
	InvLabels	labels = {.occurred_at = DT_NOBEGIN};
	Originals	originals;
	NullableDatum quantity;
	text	   *of_key;
	text	   *sku;
	text	   *location;

	inv_call_begin_writing(&call, fcinfo, "inv_return", 5);
	of_key = inv_call_key(&call, 0, "of_key");
	quantity = inv_call_optional_quantity(&call, 1);
	sku = inv_call_optional_name(&call, 2, "sku");
	location = inv_call_optional_name(&call, 3, "location");
	labels.reason = inv_call_reason(&call, 4);
	labels.key = call.key;

	if (!inv_request_begin(&request, cat, &call, &answer))
	{
		find_originals(cat, of_key, sku, &originals);
		if (originals.count == 0)
			raise_unknown_call(text_to_cstring(of_key),
							   sku ? text_to_cstring(sku) : NULL);
		if (originals.left == 0 ||
			(!quantity.isnull && DatumGetInt64(quantity.value) > originals.left))
			raise_exceeds_call(text_to_cstring(of_key), quantity,
							   originals.left);
		give_back(cat, &originals,
				  quantity.isnull ? originals.left :
				  DatumGetInt64(quantity.value),
				  location, &labels, &answer);
		inv_outcome_raise(cat, &answer);
		inv_request_end(&request, cat, &answer);
	}
	inv_outcome_srf(fcinfo, cat, &answer);
	return (Datum) 0;
}
