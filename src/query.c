/*
 * query.c
 *		Asking what there is, what happened, and whether it adds up.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"

#include "argument.h"
#include "bundle.h"
#include "errors.h"
#include "plan.h"

#define MAX_HISTORY_ROWS 100000
#define MAX_REORDER_DAYS 3650

/* discrepancies that inv_verify_or_fail() names */
#define MAX_WARNINGS 20

PG_FUNCTION_INFO_V1(inv_available);
PG_FUNCTION_INFO_V1(inv_history);
PG_FUNCTION_INFO_V1(inv_movements_of);
PG_FUNCTION_INFO_V1(inv_verify);
PG_FUNCTION_INFO_V1(inv_reorder_list);
PG_FUNCTION_INFO_V1(inv_verify_or_fail);

static InvPlan history_plan = {
	.sql = "SELECT * FROM @inv_movement"
	" WHERE stock_id = $1 AND movement_id < $2"
	" ORDER BY movement_id DESC LIMIT $3",
	.read_only = true,
	.nargs = 3,
	.argtypes = {INT8OID, INT8OID, INT8OID}
};

static InvPlan movements_of_plan = {
	.sql = "SELECT * FROM @inv_movement WHERE reference = $1"
	" ORDER BY movement_id",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/*
 * Each side of the comparison is read once, in one statement and so in one
 * snapshot: it is right beside running calls.
 */
static InvPlan verify_plan = {
	.sql =
	"WITH checked AS ("
	"  SELECT * FROM @inv_stock"
	"  WHERE ($1 IS NULL OR sku >= $1) AND ($2 IS NULL OR sku <= $2)"
	"), ledger AS ("
	"  SELECT stock_id, min(sku) AS sku, min(location) AS location,"
	"    sum(on_hand_delta)::bigint AS on_hand,"
	"    sum(reserved_delta)::bigint AS reserved,"
	"    count(*) AS movements, count(DISTINCT version) AS versions,"
	"    coalesce(max(version), 0) AS version"
	"  FROM @inv_movement"
	"  WHERE ($1 IS NULL OR sku >= $1) AND ($2 IS NULL OR sku <= $2)"
	"  GROUP BY stock_id"
	"), held AS ("
	"  SELECT stock_id, sum(held)::bigint AS held FROM @inv_hold_line"
	"  WHERE held IS NOT NULL GROUP BY stock_id"
	") "
	"SELECT coalesce(s.sku, l.sku) COLLATE pg_catalog.\"default\","
	"  coalesce(s.location, l.location) COLLATE pg_catalog.\"default\","
	"  p.problem, p.expected, p.found"
	" FROM checked s FULL JOIN ledger l USING (stock_id)"
	" LEFT JOIN held h ON h.stock_id = s.stock_id"
	" CROSS JOIN LATERAL (VALUES"
	"  ('on_hand', coalesce(l.on_hand, 0), s.on_hand),"
	"  ('reserved', coalesce(l.reserved, 0), s.reserved),"
	"  ('holds', coalesce(h.held, 0), s.reserved),"
	"  ('version', coalesce(l.movements, 0), s.version),"
	"  ('ledger_version', l.movements, CASE WHEN l.versions <> l.movements"
	"    THEN l.versions ELSE l.version END),"
	"  ('stock_row', CASE WHEN s.stock_id IS NULL THEN 1 END, 0)"
	" ) AS p (problem, expected, found)"
	" WHERE p.expected <> p.found"
	" ORDER BY 1, 2, 3",
	.read_only = true,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID}
};

/*
 * What was sold is told by when it was recorded, which an index can find.  The
 * numbers go through numeric: a sum may be beyond a bigint.
 */
static InvPlan reorder_plan = {
	.sql =
	"WITH wanted AS ("
	"  SELECT s.*, (s.on_hand - s.reserved)::numeric AS level"
	"  FROM @inv_stock s JOIN @inv_location l USING (location)"
	"  WHERE s.on_hand - s.reserved <= s.reorder_point"
	"   AND s.active AND l.sellable"
	"), sales AS ("
	"  SELECT stock_id, greatest(-sum(on_hand_delta), 0) AS sold"
	"  FROM @inv_movement"
	"  WHERE recorded_at > clock_timestamp() - make_interval(days => $1)"
	"   AND kind IN ('deduct', 'confirm', 'return')"
	"   AND stock_id IN (SELECT stock_id FROM wanted)"
	"  GROUP BY stock_id"
	") "
	"SELECT w.sku COLLATE pg_catalog.\"default\","
	"  w.location COLLATE pg_catalog.\"default\","
	"  w.on_hand, w.reserved,"
	"  w.on_hand - w.reserved - w.safety_stock + w.backorder_limit,"
	"  w.reorder_point, w.target_level,"
	"  round(coalesce(s.sold, 0) / $1, 2),"
	"  round(w.level * $1 / nullif(s.sold, 0), 2),"
	"  least(greatest(coalesce(w.target_level,"
	"     w.reorder_point + coalesce(s.sold, 0)) - w.level, 0),"
	"   9007199254740991)::bigint,"
	"  ('{NULL,low,out,short}'::text[])[w.alert_state + 1]"
	" FROM wanted w LEFT JOIN sales s USING (stock_id)"
	" ORDER BY w.level * $1 / nullif(s.sold, 0) NULLS LAST,"
	"  w.level - w.reorder_point, w.sku, w.location",
	.read_only = true,
	.nargs = 1,
	.argtypes = {INT4OID}
};

/* stock_of - the stock row; raises when there cannot be one */
static InvStatus
stock_of(const InvCatalogue *cat, text *sku, text *location, InvStock *stock)
{
	InvOutcome	outcome = {.sku = sku, .location = location};
	InvAnswer	answer = {&outcome, 1};

	outcome.status = inv_stock_read(cat, sku, location, stock);
	if (outcome.status != INV_BUNDLE)
		inv_outcome_raise(cat, &answer);
	return outcome.status;
}

/* bundle_available - as many as its scarcest component makes */
static int64
bundle_available(const InvCatalogue *cat, text *sku, text *location)
{
	InvComponent *components;
	int			count = inv_bundle_components(cat, sku, 0, &components);
	int64		available = PG_INT64_MAX;

	for (int i = 0; i < count; i++)
	{
		InvStock	stock;

		if (stock_of(cat, components[i].sku, location, &stock) == INV_BUNDLE)
			inv_raise_serialization_failure();
		available = Min(available,
						inv_bundle_complete(inv_stock_available(&stock),
											components[i].units));
	}
	return available;
}

Datum
inv_available(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvCall		call;
	InvStock	stock;
	text	   *sku;
	text	   *location;

	inv_call_begin(&call, fcinfo, "inv_available");
	sku = inv_call_name(&call, 0, "sku");
	location = inv_call_location(&call, 1, "location");
	if (stock_of(cat, sku, location, &stock) == INV_BUNDLE)
		PG_RETURN_INT64(bundle_available(cat, sku, location));
	PG_RETURN_INT64(inv_stock_available(&stock));
}

Datum
inv_history(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvCall		call;
	InvStock	stock;
	text	   *sku;
	text	   *location;
	Datum		values[3];

	inv_call_begin(&call, fcinfo, "inv_history");
	values[1] = Int64GetDatum(PG_ARGISNULL(2) ? PG_INT64_MAX :
							  PG_GETARG_INT64(2));
	values[2] = Int64GetDatum(inv_call_integer(&call, 3, "max_rows",
											   1, MAX_HISTORY_ROWS));
	sku = inv_call_name(&call, 0, "sku");
	location = inv_call_location(&call, 1, "location");
	if (stock_of(cat, sku, location, &stock) == INV_BUNDLE)
		inv_bundle_refuse(sku, 0);
	values[0] = Int64GetDatum(stock.stock_id);
	inv_plan_to_srf(fcinfo, cat, &history_plan, values, NULL);
	return (Datum) 0;
}

Datum
inv_movements_of(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvCall		call;
	Datum		value;

	inv_call_begin(&call, fcinfo, "inv_movements_of");
	value = PointerGetDatum(inv_call_required_reference(&call, 0));
	inv_plan_to_srf(fcinfo, cat, &movements_of_plan, &value, NULL);
	return (Datum) 0;
}

Datum
inv_verify(PG_FUNCTION_ARGS)
{
	Datum		values[2] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	char		nulls[3] = "  ";

	for (int i = 0; i < 2; i++)
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	inv_plan_to_srf(fcinfo, inv_catalogue_get(fcinfo, AccessShareLock), &verify_plan,
					values, nulls);
	return (Datum) 0;
}

Datum
inv_reorder_list(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	InvCall		call;
	Datum		days;

	inv_call_begin(&call, fcinfo, "inv_reorder_list");
	days = Int32GetDatum((int32) inv_call_integer(&call, 0, "days", 1,
												  MAX_REORDER_DAYS));
	inv_plan_to_srf(fcinfo, cat, &reorder_plan, &days, NULL);
	return (Datum) 0;
}

/* warn - of one row of verify_plan */
static void
warn(HeapTuple row, TupleDesc desc)
{
	ereport(WARNING,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("%s of \"%s\" at \"%s\": expected %s, found %s",
					SPI_getvalue(row, desc, 3), SPI_getvalue(row, desc, 1),
					SPI_getvalue(row, desc, 2), SPI_getvalue(row, desc, 4),
					SPI_getvalue(row, desc, 5))));
}

Datum
inv_verify_or_fail(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, AccessShareLock);
	Datum		values[2] = {0};
	InvPlanScope scope;
	int64		found;

	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &verify_plan, values, "nn", 0);
	for (int i = 0; i < Min(found, MAX_WARNINGS); i++)
		warn(SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	if (found > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stock and ledger disagree"),
				 inv_errdetail("discrepancies:i", found),
				 errhint("SELECT * FROM inv_verify() lists them.")));
	inv_plan_end(&scope);
	PG_RETURN_VOID();
}
