/*
 * bundle.c
 *		Bundles: items that are sold as a set of others.
 *
 * A bundle has no stock of its own: taking one takes its components.  So an
 * item with stock rows cannot become a bundle (see inv_bundle_guard), a bundle
 * gets no stock row, and a call knows without a look at inv_bundle that an item
 * which has a stock row is none.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"

#include "bundle.h"
#include "errors.h"
#include "plan.h"

/* the latest snapshot: what is one by now must get no stock row */
static InvPlan exists_plan = {
	.sql = "SELECT FROM @inv_bundle WHERE sku = $1 LIMIT 1",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan components_plan = {
	.sql = "WITH RECURSIVE parts (sku, units) AS ("
	"  SELECT component_sku, quantity::numeric FROM @inv_bundle"
	"  WHERE sku = $1"
	" UNION ALL"
	"  SELECT b.component_sku, p.units * b.quantity"
	"  FROM parts p JOIN @inv_bundle b ON b.sku = p.sku"
	" ) CYCLE sku SET is_cycle USING path"
	" SELECT sku, least(sum(units), 9007199254740992)::bigint,"
	"  bool_or(is_cycle)"
	" FROM parts"
	" WHERE is_cycle OR NOT EXISTS"
	"  (SELECT FROM @inv_bundle b WHERE b.sku = parts.sku)"
	" GROUP BY sku ORDER BY sku",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

bool
inv_bundle_exists(const InvCatalogue *cat, text *sku)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(sku);
	bool		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &exists_plan, &value, NULL, 1) > 0;
	inv_plan_end(&scope);
	return found;
}

static void
raise_contains_itself(const text *sku, int line)
{
	const char *name = text_to_cstring(sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%sbundle \"%s\" contains itself", inv_line_prefix(line),
					name),
			 inv_errdetail("line:n sku:s", (int64) line, name),
			 errhint("Delete the row of inv_bundle that closes the circle.")));
}

int
inv_bundle_components(const InvCatalogue *cat, text *sku, int line,
					  InvComponent **components)
{
	InvPlanScope scope;
	MemoryContext caller = CurrentMemoryContext;
	Datum		value = PointerGetDatum(sku);
	int			count;

	inv_plan_begin(&scope, cat);
	count = inv_plan_run(&scope, &components_plan, &value, NULL, 0);
	*components = MemoryContextAlloc(caller, count * sizeof(InvComponent));
	for (int i = 0; i < count; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext old;
		bool		isnull;

		if (DatumGetBool(SPI_getbinval(row, desc, 3, &isnull)))
			raise_contains_itself(sku, line);
		old = MemoryContextSwitchTo(caller);
		(*components)[i].sku =
			DatumGetTextPCopy(SPI_getbinval(row, desc, 1, &isnull));
		(*components)[i].units =
			DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
		MemoryContextSwitchTo(old);
	}
	inv_plan_end(&scope);
	return count;
}

void
inv_bundle_refuse(const text *sku, int line)
{
	const char *name = text_to_cstring(sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s\"%s\" is a bundle: it has no stock of its own",
					inv_line_prefix(line), name),
			 inv_errdetail("line:n sku:s", (int64) line, name),
			 errhint("Call it for its components, which are in inv_bundle.")));
}

static void
refuse_expected_version(const InvChange *change, int line)
{
	const char *name = text_to_cstring(change->sku);

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s\"%s\" is a bundle: it has no version",
					inv_line_prefix(line), name),
			 inv_errdetail("line:n sku:s expected_version:i", (int64) line,
						   name, change->expected_version),
			 errhint("Leave out expected_version.")));
}

/* times - units of so many bundles; raises 22003 if that is too many */
static int64
times(const InvChange *change, int line, int64 bundles, int64 units)
{
	const char *name;

	if (units <= INV_MAX_QUANTITY &&
		(bundles == 0 || units <= INV_MAX_QUANTITY / bundles))
		return bundles * units;
	name = text_to_cstring(change->sku);
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s" INT64_FORMAT " of bundle \"%s\" are more units than can be counted",
					inv_line_prefix(line), bundles, name),
			 inv_errdetail("line:n sku:s quantity:i limit:i", (int64) line,
						   name, bundles, INV_MAX_QUANTITY),
			 errhint("Count the components in a larger unit.")));
}

static InvStatus
bundle_status(const InvCatalogue *cat, text *sku)
{
	InvItem		item;

	if (!inv_item_find(cat, sku, &item))
		return INV_UNKNOWN_ITEM;
	return item.active ? INV_OK : INV_INACTIVE_ITEM;
}

int
inv_bundle_expand(const InvCatalogue *cat, const InvChange *change, int line,
				  InvChange **changes)
{
	InvComponent *components;
	InvBundle  *bundle;
	InvStatus	refusal;
	int			count;

	if (!change->sells)
		inv_bundle_refuse(change->sku, line);
	if (change->expected_version != INV_ANY_VERSION)
		refuse_expected_version(change, line);

	refusal = bundle_status(cat, change->sku);
	count = inv_bundle_components(cat, change->sku, line, &components);
	bundle = palloc(sizeof(InvBundle));
	bundle->sku = change->sku;
	bundle->quantity = change->quantity;
	*changes = palloc(count * sizeof(InvChange));
	for (int i = 0; i < count; i++)
	{
		InvChange  *part = &(*changes)[i];
		int64		units = components[i].units;

		*part = *change;
		part->sku = components[i].sku;
		part->quantity = times(change, line, change->quantity, units);
		if (change->keep != INV_NO_KEEP)
			part->keep = times(change, line, change->keep, units);
		part->bundle = bundle;
		part->units = units;
		part->refusal = refusal;
	}
	return count;
}
