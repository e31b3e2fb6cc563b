/*
 * trigger.c
 *		Triggers on the tables of the extension.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "errors.h"
#include "limits.h"
#include "plan.h"

PG_FUNCTION_INFO_V1(inv_item_touch);
PG_FUNCTION_INFO_V1(inv_item_follow);
PG_FUNCTION_INFO_V1(inv_location_follow);
PG_FUNCTION_INFO_V1(inv_key_guard);
PG_FUNCTION_INFO_V1(inv_bundle_guard);
PG_FUNCTION_INFO_V1(inv_refuse_truncate);
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

static void
raise_foreign_trigger(const TriggerData *trigger)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" on \"%s\" is not one that inventory made",
					trigger->tg_trigger->tgname,
					RelationGetRelationName(trigger->tg_relation))));
}

/*
 * check_table - refuses to be a trigger on any other table
 *
 * Who may execute these functions could make triggers of them on tables of
 * other columns.
 */
static void
check_table(const TriggerData *trigger, Oid table)
{
	if (RelationGetRelid(trigger->tg_relation) != table)
		raise_foreign_trigger(trigger);
}

/*
 * check_kind - refuses to be another kind of trigger than the function is for
 *
 * Who may make triggers on our tables could make them of these functions, with
 * no row to look at.
 */
static void
check_kind(const TriggerData *trigger, TriggerEvent kind)
{
	TriggerEvent event = trigger->tg_event &
	(TRIGGER_EVENT_OPMASK | TRIGGER_EVENT_ROW | TRIGGER_EVENT_TIMINGMASK);

	if (event != kind)
		raise_foreign_trigger(trigger);
}

/*
 * check_transition_table - a name that is none would be looked for among the
 * temporary views of whoever made the trigger, which run as the owner
 */
static void
check_transition_table(const TriggerData *trigger, const char *name,
					   const char *wanted)
{
	if (name == NULL || strcmp(name, wanted) != 0)
		raise_foreign_trigger(trigger);
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

	check_table(trigger, inv_catalogue_get(fcinfo, RowExclusiveLock)->item);
	check_kind(trigger, TRIGGER_EVENT_UPDATE | TRIGGER_EVENT_ROW |
			   TRIGGER_EVENT_BEFORE);
	columns[0] = SPI_fnumber(desc, "version");
	columns[1] = SPI_fnumber(desc, "updated_at");
	values[0] = heap_getattr(trigger->tg_trigtuple, columns[0], desc, &isnull);
	values[0] = Int64GetDatum(DatumGetInt64(values[0]) + 1);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());

	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_newtuple,
													 desc, 2, columns,
													 values, nulls));
}

/* the columns of INV_ITEM_COLUMN_LIST, behind the SKU */
static const char follow_query[] =
"SELECT n.sku, n.active, n.safety_stock, n.backorder_limit,"
"  n.reorder_point, n.target_level"
" FROM new_rows n JOIN old_rows o USING (sku)"
" WHERE (n.active, n.safety_stock, n.backorder_limit, n.reorder_point,"
"   n.target_level) IS DISTINCT FROM"
"  (o.active, o.safety_stock, o.backorder_limit, o.reorder_point,"
"   o.target_level)"
" ORDER BY n.sku";

static void
follow_item(const InvCatalogue *cat, HeapTuple row, TupleDesc desc)
{
	InvItem		item;
	bool		isnull;
	Datum		sku = SPI_getbinval(row, desc, 1, &isnull);

	inv_item_from_row(row, desc, 2, &item);
	inv_limits_follow_item(cat, DatumGetTextPP(sku), &item);
}

/* begin_following - what a statement changed of a table, as the query says */
static void
begin_following(InvPlanScope *scope, const InvCatalogue *cat,
				TriggerData *trigger, Oid table, const char *query)
{
	check_table(trigger, table);
	check_kind(trigger, TRIGGER_EVENT_UPDATE | TRIGGER_EVENT_AFTER);
	check_transition_table(trigger, trigger->tg_trigger->tgoldtable,
						   "old_rows");
	check_transition_table(trigger, trigger->tg_trigger->tgnewtable,
						   "new_rows");
	inv_plan_begin(scope, cat);
	if (SPI_register_trigger_data(trigger) != SPI_OK_TD_REGISTER)
		elog(ERROR, "SPI_register_trigger_data failed");
	inv_plan_once(scope, query);
}

/* follow_rows - one row of what SPI found after the other */
static void
follow_rows(const InvCatalogue *cat,
			void (*follow) (const InvCatalogue *, HeapTuple, TupleDesc))
{
	MemoryContext row_context =
	AllocSetContextCreate(CurrentMemoryContext, "inventory follow",
						  ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(row_context);
	SPITupleTable *rows = SPI_tuptable;

	for (uint64 row = 0; row < rows->numvals; row++)
	{
		follow(cat, rows->vals[row], rows->tupdesc);
		MemoryContextReset(row_context);
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(old);
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
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;

	begin_following(&scope, cat, trigger, cat->item, follow_query);
	follow_rows(cat, follow_item);
	inv_plan_end(&scope);

	CommandCounterIncrement();
	return PointerGetDatum(NULL);
}

static const char turned_query[] =
"SELECT array_agg(location)"
" FROM new_rows n JOIN old_rows o USING (location)"
" WHERE n.sellable <> o.sellable";

/*
 * The latest snapshot, because a stock row may have been made since that of
 * the transaction; none is made from here on, as making one locks the location.
 */
static InvPlan stock_at_plan = {
	.sql = "SELECT sku, location FROM @inv_stock WHERE location = ANY ($1)"
	" ORDER BY sku, location",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID}
};

static void
follow_location(const InvCatalogue *cat, HeapTuple row, TupleDesc desc)
{
	bool		isnull;
	Datum		sku = SPI_getbinval(row, desc, 1, &isnull);
	Datum		location = SPI_getbinval(row, desc, 2, &isnull);

	inv_limits_follow_location(cat, DatumGetTextPP(sku),
							   DatumGetTextPP(location));
}

/*
 * inv_location_follow - after an update: tells the stock rows of locations
 * that now sell, or no longer do
 */
Datum
inv_location_follow(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	Datum		turned;
	bool		isnull;

	begin_following(&scope, cat, trigger, cat->location, turned_query);
	turned = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1,
						   &isnull);
	if (!isnull)
	{
		inv_plan_run(&scope, &stock_at_plan, &turned, NULL, 0);
		follow_rows(cat, follow_location);
	}
	inv_plan_end(&scope);

	CommandCounterIncrement();
	return PointerGetDatum(NULL);
}

/*
 * The latest snapshot, because a stock row may have been made since that of
 * the transaction.  None is made from here on: making one locks the item and
 * the location, and the row that this trigger is for is locked by now.
 */
static InvPlan item_has_stock_plan = {
	.sql = "SELECT FROM @inv_stock WHERE sku = $1 LIMIT 1",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan location_has_stock_plan = {
	.sql = "SELECT FROM @inv_stock WHERE location = $1 LIMIT 1",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan item_in_bundle_plan = {
	.sql = "SELECT FROM @inv_bundle WHERE sku = $1"
	" UNION ALL"
	" SELECT FROM @inv_bundle WHERE component_sku = $1 LIMIT 1",
	.latest_snapshot = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* has_row - does the plan find a row for the key? */
static bool
has_row(const InvCatalogue *cat, InvPlan *plan, Datum key)
{
	InvPlanScope scope;
	bool		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, plan, &key, NULL, 1) > 0;
	inv_plan_end(&scope);
	return found;
}

/* inv_key_guard - after a row was deleted or renamed: refuses if it has stock */
Datum
inv_key_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		is_item = RelationGetRelid(trigger->tg_relation) == cat->item;
	const char *column = is_item ? "sku" : "location";
	bool		deletes = TRIGGER_FIRED_BY_DELETE(trigger->tg_event);
	Datum		key;
	bool		isnull;

	if (!is_item)
		check_table(trigger, cat->location);
	check_kind(trigger, TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER |
			   (deletes ? TRIGGER_EVENT_DELETE : TRIGGER_EVENT_UPDATE));
	key = heap_getattr(trigger->tg_trigtuple, SPI_fnumber(desc, column), desc,
					   &isnull);
	if (is_item && has_row(cat, &item_in_bundle_plan, key))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("cannot %s item \"%s\": it is in a bundle",
						deletes ? "delete" : "rename",
						TextDatumGetCString(key)),
				 inv_errdetail("sku:s", TextDatumGetCString(key)),
				 errhint("Delete its rows of inv_bundle first.")));
	if (has_row(cat, is_item ? &item_has_stock_plan :
				&location_has_stock_plan, key))
		ereport(ERROR,
				(errcode(ERRCODE_FOREIGN_KEY_VIOLATION),
				 errmsg("cannot %s %s \"%s\": it has stock",
						deletes ? "delete" : "rename",
						is_item ? "item" : "location",
						TextDatumGetCString(key)),
				 inv_errdetail(is_item ? "sku:s" : "location:s",
							   TextDatumGetCString(key)),
				 is_item ?
				 errhint("Set inv_item.active to false to sell it no more.") :
				 errhint("Set inv_location.sellable to false.")));
	return PointerGetDatum(NULL);
}

/* the items of a row cannot get stock, or be deleted, before it is committed */
static InvPlan lock_items_plan = {
	.sql = "SELECT FROM @inv_item WHERE sku = $1 OR sku = $2"
	" ORDER BY sku FOR NO KEY UPDATE",
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static InvPlan contains_plan = {
	.sql = "WITH RECURSIVE inside (sku) AS ("
	"  SELECT $2::text COLLATE \"C\""
	" UNION"
	"  SELECT b.component_sku FROM inside i JOIN @inv_bundle b"
	"   ON b.sku = i.sku"
	" ) SELECT FROM inside WHERE sku = $1",
	.latest_snapshot = true,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

static void
refuse_bundle(const char *problem, const Datum *row)
{
	const char *sku = TextDatumGetCString(row[0]);
	const char *component = TextDatumGetCString(row[1]);

	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("bundle \"%s\" %s", sku, problem),
			 inv_errdetail("sku:s component_sku:s", sku, component),
			 errhint("A bundle is an item of its own, that has never had stock.")));
}

/*
 * inv_bundle_guard - after a row was inserted or changed: refuses a bundle
 * that has stock or would contain itself
 *
 * One writer at a time: two could close a circle that neither sees.  By a lock
 * that writers of the table do not hold yet, and that does not wait for those
 * who only wrote: else two of them would wait for each other.
 */
Datum
inv_bundle_guard(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	bool		inserts = TRIGGER_FIRED_BY_INSERT(trigger->tg_event);
	HeapTuple	row = inserts ? trigger->tg_trigtuple : trigger->tg_newtuple;
	InvPlanScope scope;
	Datum		values[2];
	bool		isnull;
	bool		circle;

	check_table(trigger, cat->bundle);
	check_kind(trigger, TRIGGER_EVENT_ROW | TRIGGER_EVENT_AFTER |
			   (inserts ? TRIGGER_EVENT_INSERT : TRIGGER_EVENT_UPDATE));
	values[0] = heap_getattr(row, SPI_fnumber(desc, "sku"), desc, &isnull);
	values[1] = heap_getattr(row, SPI_fnumber(desc, "component_sku"), desc,
							 &isnull);
	LockRelationOid(cat->bundle, ShareUpdateExclusiveLock);

	inv_plan_begin(&scope, cat);
	inv_plan_run(&scope, &lock_items_plan, values, NULL, 0);
	circle = inv_plan_run(&scope, &contains_plan, values, NULL, 1) > 0;
	inv_plan_end(&scope);
	if (circle)
		refuse_bundle("would contain itself", values);
	if (has_row(cat, &item_has_stock_plan, values[0]))
		refuse_bundle("has stock of its own", values);
	return PointerGetDatum(NULL);
}

/* inv_refuse_truncate - before a statement: refuses it */
Datum
inv_refuse_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const char *table = RelationGetRelationName(trigger->tg_relation);

	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("cannot TRUNCATE \"%s\": stock may refer to it", table),
			 inv_errdetail("table:s operation:s", table, "TRUNCATE"),
			 errhint("DELETE what has no stock.")));
	return (Datum) 0;
}

static const char *
operation_name(TriggerEvent event)
{
	if (TRIGGER_FIRED_BY_INSERT(event))
		return "INSERT";
	if (TRIGGER_FIRED_BY_UPDATE(event))
		return "UPDATE";
	if (TRIGGER_FIRED_BY_DELETE(event))
		return "DELETE";
	return "TRUNCATE";
}

/*
 * inv_refuse_dml - before a statement: refuses it, whoever sends it
 *
 * Except that the owner may insert: a restore copies in.  Others must not,
 * though a GRANT ALL may say they can.
 */
/* dml_hint - what to call instead */
static const char *
dml_hint(const char *table)
{
	if (strcmp(table, "inv_request") == 0)
		return "It is written by calls with a key.";
	if (strncmp(table, "inv_hold", strlen("inv_hold")) == 0)
		return "Change holds with inv_try(), inv_confirm() and inv_cancel().";
	return "Change stock with inv_receive() and inv_deduct().";
}

Datum
inv_refuse_dml(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = trigger_data(fcinfo);
	const char *table = RelationGetRelationName(trigger->tg_relation);
	const char *operation = operation_name(trigger->tg_event);

	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		inv_owns_table(RelationGetRelid(trigger->tg_relation), GetUserId()))
		return PointerGetDatum(NULL);

	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("cannot %s \"%s\": only the functions of inventory write it",
					operation, table),
			 inv_errdetail("table:s operation:s", table, operation),
			 errhint("%s", dml_hint(table))));
	return (Datum) 0;
}
