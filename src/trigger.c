/*
 * trigger.c
 *		Triggers on the tables of the extension.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "plan.h"
#include "stock.h"

PG_FUNCTION_INFO_V1(inv_item_touch);
PG_FUNCTION_INFO_V1(inv_item_follow);
PG_FUNCTION_INFO_V1(inv_refuse_dml);

static TriggerData *
trigger_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("this function can only be called as a trigger")));
	return (TriggerData *) fcinfo->context;
}

/* inv_item_touch - before each update: the next version, the time */
Datum
inv_item_touch(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int			columns[2];
	Datum		values[2];
	bool		nulls[2] = {false, false};
	bool		isnull;

	columns[0] = SPI_fnumber(desc, "version");
	columns[1] = SPI_fnumber(desc, "updated_at");
	values[0] = heap_getattr(trigger->tg_trigtuple, columns[0], desc, &isnull);
	values[0] = Int64GetDatum(DatumGetInt64(values[0]) + 1);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());

	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_newtuple,
													 desc, 2, columns,
													 values, nulls));
}

/* What of an item its stock rows hold too, as the query below orders it */
enum
{
	FOLLOW_SKU = 1,
	FOLLOW_ACTIVE,
	FOLLOW_SAFETY_STOCK,
	FOLLOW_BACKORDER_LIMIT,
	FOLLOW_REORDER_POINT,
	FOLLOW_TARGET_LEVEL
};

static const char follow_query[] =
"SELECT n.sku, n.active, n.safety_stock, n.backorder_limit,"
"  n.reorder_point, n.target_level"
" FROM new_rows n JOIN old_rows o USING (sku)"
" WHERE (n.active, n.safety_stock, n.backorder_limit, n.reorder_point,"
"   n.target_level) IS DISTINCT FROM"
"  (o.active, o.safety_stock, o.backorder_limit, o.reorder_point,"
"   o.target_level)"
" ORDER BY n.sku";

static NullableDatum
follow_column(uint64 row, int column)
{
	NullableDatum result;

	result.value = SPI_getbinval(SPI_tuptable->vals[row],
								 SPI_tuptable->tupdesc, column,
								 &result.isnull);
	return result;
}

static void
follow_item(const InvCatalogue *cat, uint64 row)
{
	InvItem		item = {
		.active = DatumGetBool(follow_column(row, FOLLOW_ACTIVE).value),
		.safety_stock =
		DatumGetInt64(follow_column(row, FOLLOW_SAFETY_STOCK).value),
		.backorder_limit =
		DatumGetInt64(follow_column(row, FOLLOW_BACKORDER_LIMIT).value)
	};

	inv_stock_follow_item(cat,
						  DatumGetTextPP(follow_column(row, FOLLOW_SKU).value),
						  &item, follow_column(row, FOLLOW_REORDER_POINT),
						  follow_column(row, FOLLOW_TARGET_LEVEL));
}

/*
 * inv_item_follow - after an update: brings changed items to their stock rows
 *
 * Once per statement and ordered by SKU, so that it takes the stock rows in
 * the same order as every other writer.
 */
Datum
inv_item_follow(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const InvCatalogue *cat = inv_catalogue_get(fcinfo);
	InvPlanScope scope;
	MemoryContext row_context;
	MemoryContext old;

	inv_plan_begin(&scope, cat);
	if (SPI_register_trigger_data(trigger) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");
	inv_plan_once(&scope, follow_query);

	row_context = AllocSetContextCreate(CurrentMemoryContext, "inventory item",
										ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(row_context);
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		follow_item(cat, row);
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(old);
	inv_plan_end(&scope);

	CommandCounterIncrement();
	return PointerGetDatum(NULL);
}

static const char *
operation_name(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_UPDATE(event))
		return "UPDATE";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	return "TRUNCATE";
}

/* inv_refuse_dml - before a statement: refuses it, whoever sends it */
Datum
inv_refuse_dml(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const char *table = RelationGetRelationName(trigger->tg_relation);
	const char *operation = operation_name(trigger->tg_event);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot %s \"%s\": only the functions of inventory write it",
					operation, table),
			 inv_errdetail("table:s operation:s", table, operation),
			 errhint("Change stock with inv_receive() and inv_deduct().")));
	return (Datum) 0;
}
