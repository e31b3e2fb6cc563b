/*
 * alert.c
 *		States of stock rows, and the alerts that tell how they change.
 *
 * alert.h has the states and why no change of them is lost.  Here is the
 * arithmetic, the rows of inv_alert, and the word to the worker: at the commit
 * of a transaction that raised an alert, and only then.
 *
 * Rows of inv_alert are written by SQL, as owner: they are rare.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "alert.h"
#include "argument.h"
#include "errors.h"
#include "guc.h"
#include "ledger.h"
#include "plan.h"
#include "shmem.h"

PG_FUNCTION_INFO_V1(inv_acknowledge);

static const char *const state_names[INV_ALERT_STATES] = {
	[INV_ALERT_OK] = "ok",
	[INV_ALERT_LOW] = "low",
	[INV_ALERT_OUT] = "out",
	[INV_ALERT_SHORT] = "short"
};

/* ---------- the state machine ---------- */

/* The levels that matter to a row; those of an unwatched one are all equal */
typedef struct Bounds
{
	int64		short_to;		/* the highest level that is short */
	int64		out_to;
	int64		low_to;			/* T: the highest one that is not ok */
	int64		ok_from;		/* the lowest one at which it has recovered */
} Bounds;

/* margin_of - in units; T is below 2^53, so no product overflows */
static int64
margin_of(int64 threshold)
{
	if (inv_alert_margin == 0)
		return 0;
	return Max(1, (threshold * inv_alert_margin + 99) / 100);
}

static int64
floor_of(const InvAlert *alert)
{
	return alert->safety_stock - alert->backorder_limit;
}

/* has_low - is there any level that is low? */
static bool
has_low(const InvAlert *alert)
{
	return alert->watched && !alert->reorder_point.isnull &&
		DatumGetInt64(alert->reorder_point.value) > floor_of(alert);
}

static void
set_bounds(const InvAlert *alert, Bounds *bounds)
{
	bounds->short_to = -alert->backorder_limit - 1;
	bounds->out_to = alert->watched ? floor_of(alert) : bounds->short_to;
	bounds->low_to = has_low(alert) ?
		DatumGetInt64(alert->reorder_point.value) : bounds->out_to;
	bounds->ok_from = bounds->low_to + margin_of(bounds->low_to) + 1;
}

/* natural_state - what the level alone says */
static InvAlertState
natural_state(const Bounds *bounds, int64 level)
{
	if (level <= bounds->short_to)
		return INV_ALERT_SHORT;
	if (level <= bounds->out_to)
		return INV_ALERT_OUT;
	if (level <= bounds->low_to)
		return INV_ALERT_LOW;
	return INV_ALERT_OK;
}

static InvAlertState
next_state(const InvAlert *alert, const Bounds *bounds, int64 level)
{
	InvAlertState natural = natural_state(bounds, level);

	if (natural >= alert->previous || !alert->watched)
		return natural;
	if (level >= bounds->ok_from)
		return INV_ALERT_OK;
	if (alert->previous != INV_ALERT_SHORT)
		return alert->previous;
	if (natural != INV_ALERT_OK)
		return natural;
	return has_low(alert) ? INV_ALERT_LOW : INV_ALERT_OUT;
}

/* set_window - the levels at which the state stays */
static void
set_window(InvAlert *alert, const Bounds *bounds)
{
	alert->quiet_from = PG_INT64_MIN;
	alert->quiet_to = bounds->ok_from - 1;
	switch (alert->state)
	{
		case INV_ALERT_OK:
			alert->quiet_from = bounds->low_to + 1;
			alert->quiet_to = PG_INT64_MAX;
			break;
		case INV_ALERT_LOW:
			alert->quiet_from = bounds->out_to + 1;
			break;
		case INV_ALERT_OUT:
			alert->quiet_from = bounds->short_to + 1;
			break;
		default:
			alert->quiet_to = bounds->short_to;
	}
}

static InvPlan sellable_plan = {
	.sql = "SELECT FROM @inv_location WHERE location = $1 AND sellable",
	.read_only = true,
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* is_sellable - as of now, also where the isolation level would not see it */
static bool
is_sellable(const InvCatalogue *cat, text *location)
{
	InvPlanScope scope;
	Datum		value = PointerGetDatum(location);
	bool		sellable;

	PushActiveSnapshot(GetLatestSnapshot());
	inv_plan_begin(&scope, cat);
	sellable = inv_plan_run(&scope, &sellable_plan, &value, NULL, 1) > 0;
	inv_plan_end(&scope);
	PopActiveSnapshot();
	return sellable;
}

void
inv_alert_decide(const InvCatalogue *cat, InvAlert *alert)
{
	Bounds		bounds;

	alert->watched = alert->active && is_sellable(cat, alert->location);
	set_bounds(alert, &bounds);
	alert->state = next_state(alert, &bounds,
							  alert->on_hand - alert->reserved);
	set_window(alert, &bounds);
}

/* ---------- the worker is told at commit ---------- */

/*
 * The nesting level of the outermost transaction under way that raised an
 * alert, 0: none.  Those deeper down need no note of their own: if this one
 * commits that is enough, and if it does not they do not either.
 */
static int	raised_level = 0;

static void
note_raised(void)
{
	int			level = GetCurrentTransactionNestLevel();

	if (raised_level == 0 || level < raised_level)
		raised_level = level;
}

static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT && raised_level > 0)
		inv_shmem_wake_worker(MyDatabaseId);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		raised_level = 0;
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId me,
				   SubTransactionId parent, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (raised_level < level)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		raised_level = level - 1;
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		raised_level = 0;
}

void
inv_alert_init(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

/* ---------- the rows ---------- */

static InvPlan insert_plan = {
	.sql = "INSERT INTO @inv_alert (stock_id, sku, location, kind, previous,"
	"  on_hand, reserved, available, threshold, reorder_point, target_level,"
	"  actor, txid, raised_at)"
	" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12,"
	"  pg_current_xact_id(), clock_timestamp())",
	.nargs = 12,
	.argtypes = {INT8OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT8OID,
	INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, TEXTOID}
};

/* threshold_of - the limit that the row went across, as users know it */
static int64
threshold_of(const InvAlert *alert)
{
	if (!alert->watched || alert->state == INV_ALERT_SHORT)
		return -alert->backorder_limit;
	if (alert->state != INV_ALERT_OUT && has_low(alert))
		return DatumGetInt64(alert->reorder_point.value);
	return floor_of(alert);
}

void
inv_alert_raise(const InvCatalogue *cat, const InvAlert *alert)
{
	InvPlanScope scope;
	const char *kind = alert->state == INV_ALERT_OK ? "recovered" :
	state_names[alert->state];
	Datum		values[] = {
		Int64GetDatum(alert->stock_id),
		PointerGetDatum(alert->sku),
		PointerGetDatum(alert->location),
		CStringGetTextDatum(kind),
		CStringGetTextDatum(state_names[alert->previous]),
		Int64GetDatum(alert->on_hand),
		Int64GetDatum(alert->reserved),
		Int64GetDatum(alert->on_hand - alert->reserved - floor_of(alert)),
		Int64GetDatum(threshold_of(alert)),
		alert->reorder_point.value,
		alert->target_level.value,
		PointerGetDatum(inv_ledger_actor())
	};
	char		nulls[lengthof(values)];

	if (alert->state == alert->previous)
		return;
	memset(nulls, ' ', sizeof(nulls));
	nulls[9] = alert->reorder_point.isnull ? 'n' : ' ';
	nulls[10] = alert->target_level.isnull ? 'n' : ' ';

	inv_plan_begin(&scope, cat);
	inv_plan_run(&scope, &insert_plan, values, nulls, 0);
	inv_plan_end(&scope);
	note_raised();
}

/* an alert is open while it tells the state of its stock row */
#define IS_OPEN \
	"(EXISTS (SELECT FROM @inv_stock s" \
	"   WHERE s.stock_id = a.stock_id AND s.alert_state <> 0)" \
	"  AND NOT EXISTS (SELECT FROM @inv_alert b" \
	"   WHERE b.stock_id = a.stock_id AND b.alert_id > a.alert_id))"

static InvPlan acknowledge_plan = {
	.sql = "UPDATE @inv_alert a"
	" SET acknowledged_at = clock_timestamp(), acknowledged_by = $2"
	" WHERE a.alert_id = $1 AND a.acknowledged_at IS NULL AND " IS_OPEN,
	.nargs = 2,
	.argtypes = {INT8OID, TEXTOID}
};

static InvPlan exists_plan = {
	.sql = "SELECT FROM @inv_alert WHERE alert_id = $1",
	.nargs = 1,
	.argtypes = {INT8OID}
};

/*
 * What was told may have to be told again, see inv_redeliver(): so an alert is
 * there for as long as any delivery of it.
 */
static InvPlan expire_plan = {
	.sql = "DELETE FROM @inv_alert a"
	" WHERE a.raised_at < $1 AND NOT " IS_OPEN
	" AND NOT EXISTS (SELECT FROM @inv_delivery d"
	"  WHERE d.alert_id = a.alert_id)",
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID}
};

Datum
inv_acknowledge(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvCall		call;
	InvPlanScope scope;
	int64		alert_id;
	Datum		values[2];
	bool		acknowledged;
	bool		exists;

	inv_call_begin_writing(&call, fcinfo, "inv_acknowledge",
						   INV_NO_KEY_ARGUMENT);
	alert_id = inv_call_integer(&call, 0, "alert_id", 1, PG_INT64_MAX);
	values[0] = Int64GetDatum(alert_id);
	values[1] = PointerGetDatum(inv_ledger_actor());

	inv_plan_begin(&scope, cat);
	acknowledged = inv_plan_run(&scope, &acknowledge_plan, values, NULL, 0) > 0;
	exists = acknowledged ||
		inv_plan_run(&scope, &exists_plan, values, NULL, 1) > 0;
	inv_plan_end(&scope);
	if (!exists)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no alert " INT64_FORMAT, alert_id),
				 inv_errdetail("argument:s value:i", "alert_id", alert_id),
				 errhint("inv_open_alerts shows those that are open.")));
	PG_RETURN_BOOL(acknowledged);
}

int64
inv_alert_expire(const InvCatalogue *cat)
{
	InvPlanScope scope;
	TimestampTz limit =
	GetCurrentTimestamp() - inv_alert_retention * USECS_PER_SEC;
	Datum		value = TimestampTzGetDatum(limit);
	uint64		removed;

	inv_plan_begin(&scope, cat);
	removed = inv_plan_run(&scope, &expire_plan, &value, NULL, 0);
	inv_plan_end(&scope);
	return removed;
}
