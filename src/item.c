/*
 * item.c
 *		What the users' catalogue says: items and locations.
 *
 * Asked only when a stock row was not found: the row itself holds what a
 * decision needs of its item.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "access.h"
#include "errors.h"
#include "item.h"
#include "plan.h"

static InvPlan item_plan = {
	.sql = "SELECT " INV_ITEM_COLUMN_LIST " FROM @inv_item WHERE sku = $1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan lock_item_plan = {
	.sql = "SELECT " INV_ITEM_COLUMN_LIST " FROM @inv_item WHERE sku = $1"
	" FOR SHARE",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan lock_location_plan = {
	.sql = "SELECT FROM @inv_location WHERE location = $1 FOR SHARE",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan location_plan = {
	.sql = "SELECT FROM @inv_location WHERE location = $1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan sellable_plan = {
	.sql = "SELECT location FROM @inv_location WHERE sellable"
	" ORDER BY priority, location",
	.read_only = true
};

/* the expression is that of inv_item_folded_sku_idx */
static InvPlan similar_sku_plan = {
	.sql = "SELECT sku FROM @inv_item"
	" WHERE lower(replace(sku, ' ', ''))"
	"  = lower(translate($1, E' \\t\\r\\n', ''))"
	" ORDER BY sku LIMIT 1",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static NullableDatum
get_column(HeapTuple row, TupleDesc desc, int column)
{
	NullableDatum result;

	result.value = SPI_getbinval(row, desc, column, &result.isnull);
	return result;
}

void
inv_item_from_row(HeapTuple row, TupleDesc desc, int column, InvItem *item)
{
	item->active = DatumGetBool(get_column(row, desc, column).value);
	item->safety_stock =
		DatumGetInt64(get_column(row, desc, column + 1).value);
	item->backorder_limit =
		DatumGetInt64(get_column(row, desc, column + 2).value);
	item->reorder_point = get_column(row, desc, column + 3);
	item->target_level = get_column(row, desc, column + 4);
}

/* has_row - does the plan find a row for the name?  item may be null */
static bool
has_row(const InvCatalogue *cat, InvPlan *plan, text *name, InvItem *item)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(name);
	bool		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, plan, &value, NULL, 1) > 0;
	if (found && item)
		inv_item_from_row(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						  item);
	inv_plan_end(&scope);
	return found;
}

bool
inv_item_find(const InvCatalogue *cat, text *sku, InvItem *item)
{
	return has_row(cat, &item_plan, sku, item);
}

bool
inv_item_lock(const InvCatalogue *cat, text *sku, InvItem *item)
{
	return has_row(cat, &lock_item_plan, sku, item);
}

static bool
is_main(const text *location)
{
	return strcmp(text_to_cstring(location), "main") == 0;
}

bool
inv_location_exists(const InvCatalogue *cat, text *location)
{
	return is_main(location) || has_row(cat, &location_plan, location, NULL);
}

int
inv_location_sellable(const InvCatalogue *cat, text ***locations)
{
	InvPlanScope scope;
	MemoryContext caller = CurrentMemoryContext;
	int			count;

	inv_plan_begin(&scope, cat);
	count = inv_plan_run(&scope, &sellable_plan, NULL, NULL, 0);
	MemoryContextSwitchTo(caller);
	*locations = palloc(count * sizeof(text *));
	for (int i = 0; i < count; i++)
	{
		bool		isnull;

		(*locations)[i] =
			DatumGetTextPCopy(SPI_getbinval(SPI_tuptable->vals[i],
											SPI_tuptable->tupdesc, 1,
											&isnull));
	}
	inv_plan_end(&scope);
	return count;
}

/* create_location - beneath SQL: nobody's trigger is to run as the owner */
static void
create_location(const InvCatalogue *cat, text *location)
{
	Relation	rel = table_open(cat->location, RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	ItemPointerData existing;

	slot->tts_values[0] = PointerGetDatum(location);
	slot->tts_isnull[0] = false;
	ExecStoreVirtualTuple(slot);
	inv_access_fill_defaults(rel, slot, 1);
	(void) inv_access_insert_if_new(rel, slot, &existing);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

bool
inv_location_lock(const InvCatalogue *cat, text *location)
{
	if (has_row(cat, &lock_location_plan, location, NULL))
		return true;
	if (!is_main(location))
		return false;
	create_location(cat, location);
	if (has_row(cat, &lock_location_plan, location, NULL))
		return true;
	/* somebody else's, and the isolation level forbids to see it */
	if (IsolationUsesXactSnapshot())
		inv_raise_serialization_failure();
	return false;
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
