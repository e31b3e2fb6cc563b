/*
 * item.c
 *		What the users' catalogue says: items and locations.
 *
 * Read only when a stock row was not found: the row itself holds what a
 * decision needs of its item.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "guc.h"
#include "item.h"
#include "plan.h"

static InvPlan item_plan = {
	.sql = "SELECT active, safety_stock, backorder_limit"
	" FROM @inv_item WHERE sku = $1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan location_plan = {
	.sql = "SELECT FROM @inv_location WHERE location = $1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* the expression is that of inv_item_folded_sku_idx */
static InvPlan similar_sku_plan = {
	.sql = "SELECT sku FROM @inv_item"
	" WHERE lower(replace(sku, ' ', '')) = lower(replace($1, ' ', ''))"
	" ORDER BY sku LIMIT 1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

bool
inv_item_find(const InvCatalogue *cat, text *sku, InvItem *item)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(sku);
	bool		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &item_plan, &value, NULL, 1) > 0;
	if (found)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		item->active = DatumGetBool(SPI_getbinval(row, desc, 1, &isnull));
		item->safety_stock =
			DatumGetInt64(SPI_getbinval(row, desc, 2, &isnull));
		item->backorder_limit =
			DatumGetInt64(SPI_getbinval(row, desc, 3, &isnull));
	}
	inv_plan_end(&scope);
	return found;
}

bool
inv_location_exists(const InvCatalogue *cat, text *location)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(location);
	bool		found;

	if (strcmp(text_to_cstring(location), inv_default_location) == 0)
		return true;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &location_plan, &value, NULL, 1) > 0;
	inv_plan_end(&scope);
	return found;
}

char *
inv_item_similar_sku(const InvCatalogue *cat, const char *sku)
{
	InvPlanScope scope;
	Datum		value = CStringGetTextDatum(sku);
	MemoryContext caller = CurrentMemoryContext;
	char	   *similar = NULL;

	inv_plan_begin(&scope, cat);
	if (inv_plan_run(&scope, &similar_sku_plan, &value, NULL, 1) > 0)
		similar = MemoryContextStrdup(caller,
									  SPI_getvalue(SPI_tuptable->vals[0],
												   SPI_tuptable->tupdesc, 1));
	inv_plan_end(&scope);
	return similar;
}
