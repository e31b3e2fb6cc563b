/*
 * deliver.c
 *		Telling endpoints of alerts.
 *
 * Each turn has three steps, each a short transaction, and none of them is open
 * while something is sent:
 *
 *	 dispatch	alerts that are pending become deliveries, one for each enabled
 *				endpoint that wants them, and listeners are notified
 *	 take		deliveries that are due are sent, as many as endpoints take
 *	 note		what came of those that have ended is written
 *
 * Invariants
 * - An alert is pending until its deliveries are in the table: they become
 *	 visible together.  A delivery is pending until its end is: so whatever
 *	 crashes, and whenever, it is sent again.  At least once; the webhook-id is
 *	 that of the alert, so a receiver can tell.
 * - Of one SKU an endpoint is told in order: only its oldest pending delivery,
 *	 the head, is ever sent.
 * - So that heads are found without a look at those behind them, next_at says
 *	 which they are:
 *
 *	 -infinity	not in the queue yet, see inv_redeliver(); counts as pending
 *	 infinity	behind an older one of the same endpoint and SKU
 *	 else		the head; when it is due
 *
 *	 Only this process moves a delivery from one to the next, and whatever ends a
 *	 head makes the next one head in the same statement.
 * - Which deliveries are under way is known to this process alone, which is the
 *	 only one that sends.  If it ends they are pending.  What is sent is of one
 *	 extension: of one that was dropped nothing is noted any more.
 * - A dead endpoint costs nothing: its breaker is open, and then nothing is
 *	 looked up, sent or counted for it, except one delivery now and then.
 * - Nothing is sent unless the endpoint was armed in this very database, and
 *	 has the secrets that it should sign with.
 *
 *	 breaker	closed		--- 5 failures in a row --->	open
 *				open		--- retry_at is over ------>	half-open, sends one
 *				half-open	--- success, or it did not
 *								like what it was sent ----->	closed
 *							--- failure --------------->	open, for longer
 *
 * These commits need not be durable: what a crash undoes is done again.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "deliver.h"
#include "endpoint.h"
#include "guc.h"
#include "payload.h"
#include "plan.h"
#include "webhook.h"
#include "worker.h"

#define DISPATCH_BATCH 500
#define PER_ENDPOINT 16
#define BREAKER_FAILURES 5
#define MAX_PAUSE_MS (5 * 60 * 1000)
#define MAX_DELAY_MS (60 * 60 * 1000)
#define LOCK_TIMEOUT "1s"

/* A delivery under way */
typedef struct Flight
{
	int64		delivery_id;
	int64		endpoint_id;
	int			attempts;		/* before this one */
	int			max_attempts;
} Flight;

/* What came of one */
typedef struct Landing
{
	Flight		flight;
	InvWebhookResult result;
} Landing;

static Flight *flights[INV_WEBHOOK_MAX_IN_FLIGHT];
static int	flight_count = 0;

/* ---------- dispatch ---------- */

static InvPlan dispatch_plan = {
	.sql = "WITH taken AS (UPDATE @inv_alert SET pending = false"
	"  WHERE alert_id = ANY (ARRAY(SELECT alert_id FROM @inv_alert"
	"   WHERE pending ORDER BY alert_id LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED))"
	"  RETURNING *),"
	" made AS (INSERT INTO @inv_delivery (endpoint_id, alert_id, event_id,"
	"   sku, event, next_at)"
	"  SELECT e.endpoint_id, a.alert_id, a.event_id, a.sku, a.kind,"
	"    CASE WHEN row_number() OVER (PARTITION BY e.endpoint_id, a.sku"
	"      ORDER BY a.alert_id) > 1"
	"     OR EXISTS (SELECT FROM @inv_delivery p"
	"      WHERE p.endpoint_id = e.endpoint_id AND p.sku = a.sku"
	"       AND p.state = 'pending') THEN 'infinity' ELSE now() END"
	"   FROM taken a JOIN @inv_endpoint e ON e.enabled"
	"    AND (e.events IS NULL OR a.kind = ANY (e.events))"
	"    AND ((e.filter -> 'skus') IS NULL OR (e.filter -> 'skus') ? a.sku)"
	"    AND ((e.filter -> 'locations') IS NULL"
	"     OR (e.filter -> 'locations') ? a.location)"
	"    AND ((e.filter -> 'attributes') IS NULL OR EXISTS (SELECT"
	"     FROM @inv_item i WHERE i.sku = a.sku"
	"      AND i.attributes @@> (e.filter -> 'attributes')))"
	"   ORDER BY a.alert_id)"
	" SELECT count(pg_notify('inv_alert', json_build_object("
	"   'alert_id', alert_id, 'kind', kind, 'sku', sku,"
	"   'location', location, 'available', available)::text)) FROM taken",
	.nargs = 1,
	.argtypes = {INT8OID}
};

/* dispatch - answers how many alerts */
static int64
dispatch(InvPlanScope *scope)
{
	Datum		limit = Int64GetDatum(DISPATCH_BATCH);

	return inv_plan_number(scope, &dispatch_plan, &limit, NULL);
}

/* ---------- redelivery ---------- */

/*
 * What is to be sent again is older than what is pending of its SKU, and
 * becomes the head.  The one before may be under way: it is let go on.
 */
static InvPlan queue_plan = {
	.sql = "UPDATE @inv_delivery d"
	" SET next_at = CASE WHEN d.delivery_id > h.head THEN 'infinity'"
	"  WHEN isfinite(d.next_at) THEN d.next_at ELSE clock_timestamp() END"
	" FROM (SELECT endpoint_id, sku, (SELECT p.delivery_id FROM @inv_delivery p"
	"    WHERE p.endpoint_id = n.endpoint_id AND p.sku = n.sku"
	"     AND p.state = 'pending' ORDER BY p.delivery_id LIMIT 1) AS head"
	"   FROM (SELECT DISTINCT endpoint_id, sku FROM @inv_delivery"
	"     WHERE state = 'pending' AND next_at = '-infinity') n) h"
	" WHERE d.endpoint_id = h.endpoint_id AND d.sku = h.sku"
	"  AND d.state = 'pending'"
	"  AND (d.next_at < 'infinity' OR d.delivery_id = h.head)",
	.nargs = 0
};

/* ---------- take ---------- */

/*
 * $1: deliveries under way, $2: their endpoints.  Of an endpoint whose breaker
 * is not closed one is, and only when its time has come.
 *
 * The limit is a constant for the planner's sake: of one that it does not know
 * it thinks that it lets through a tenth of the table.
 */
static InvPlan take_plan = {
	.sql = "SELECT d.delivery_id, e.endpoint_id, d.attempts, e.max_attempts, "
	INV_PAYLOAD_COLUMNS
	" FROM @inv_endpoint e"
	" JOIN @inv_endpoint_state t ON t.endpoint_id = e.endpoint_id"
	"  AND " INV_ENDPOINT_LIVE
	"  AND (t.retry_at IS NULL OR t.retry_at <= clock_timestamp())"
	" LEFT JOIN @inv_endpoint_secret s ON s.endpoint_id = e.endpoint_id"
	" CROSS JOIN LATERAL (SELECT count(*) AS used FROM unnest($2) u"
	"  WHERE u = e.endpoint_id) b"
	" CROSS JOIN LATERAL (SELECT h.*, row_number() OVER () AS place"
	"  FROM (SELECT * FROM @inv_delivery d"
	"   WHERE d.endpoint_id = e.endpoint_id AND d.state = 'pending'"
	"    AND d.next_at > '-infinity' AND d.next_at < 'infinity'"
	"    AND d.next_at <= now() AND d.delivery_id <> ALL ($1)"
	"   ORDER BY d.next_at LIMIT " CppAsString2(PER_ENDPOINT) ") h) d"
	" JOIN @inv_alert a ON a.alert_id = d.alert_id"
	" WHERE e.enabled AND " INV_ENDPOINT_SIGNS
	"  AND d.place <= CASE t.breaker WHEN 'closed' THEN "
	CppAsString2(PER_ENDPOINT) " ELSE 1 END - b.used",
	.nargs = 2,
	.argtypes = {INT8ARRAYOID, INT8ARRAYOID}
};

/* The columns of that */
enum
{
	TAKE_DELIVERY_ID,
	TAKE_ENDPOINT_ID,
	TAKE_ATTEMPTS,
	TAKE_MAX_ATTEMPTS,
	TAKE_PAYLOAD,
	TAKE_COLUMNS = TAKE_PAYLOAD + INV_PAYLOAD_NCOLUMNS
};

/* send - answers false if no more may be under way */
static bool
send(const Datum *values, const bool *nulls)
{
	Flight	   *flight = MemoryContextAlloc(TopMemoryContext, sizeof(Flight));

	flight->delivery_id = DatumGetInt64(values[TAKE_DELIVERY_ID]);
	flight->endpoint_id = DatumGetInt64(values[TAKE_ENDPOINT_ID]);
	flight->attempts = DatumGetInt32(values[TAKE_ATTEMPTS]);
	flight->max_attempts = (int) DatumGetInt64(values[TAKE_MAX_ATTEMPTS]);
	if (inv_payload_send(&values[TAKE_PAYLOAD], &nulls[TAKE_PAYLOAD], flight))
	{
		flights[flight_count++] = flight;
		return true;
	}
	pfree(flight);
	return false;
}

/*
 * take - hands over to curl what is due
 *
 * It only reads; nothing is sent before the next wait, when this transaction
 * is over.
 */
static void
take(InvPlanScope *scope)
{
	int64		deliveries[lengthof(flights)];
	int64		endpoints[lengthof(flights)];
	Datum		values[2];

	for (int i = 0; i < flight_count; i++)
	{
		deliveries[i] = flights[i]->delivery_id;
		endpoints[i] = flights[i]->endpoint_id;
	}
	values[0] = inv_plan_int8_array(deliveries, flight_count);
	values[1] = inv_plan_int8_array(endpoints, flight_count);
	inv_plan_run(scope, &take_plan, values, NULL, 0);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		Datum		row[TAKE_COLUMNS];
		bool		nulls[TAKE_COLUMNS];

		for (int j = 0; j < TAKE_COLUMNS; j++)
			row[j] = SPI_getbinval(SPI_tuptable->vals[i],
								   SPI_tuptable->tupdesc, j + 1, &nulls[j]);
		if (!send(row, nulls))
			break;
	}
}

/* In ms, $1 at most: when a delivery or a breaker has waited long enough */
static InvPlan wait_plan = {
	.sql = "SELECT least($1, ceil(1000 * extract(epoch FROM min(CASE"
	"  WHEN t.retry_at > now() THEN t.retry_at ELSE d.next_at END) - now()))"
	"  ::bigint)"
	" FROM @inv_endpoint e"
	" JOIN @inv_endpoint_state t ON t.endpoint_id = e.endpoint_id"
	"  AND " INV_ENDPOINT_LIVE
	" LEFT JOIN LATERAL (SELECT * FROM @inv_delivery d"
	"  WHERE d.endpoint_id = e.endpoint_id AND d.state = 'pending'"
	"   AND d.next_at > now() AND d.next_at > '-infinity'"
	"   AND d.next_at < 'infinity'"
	"  ORDER BY d.next_at LIMIT 1) d ON true"
	" WHERE e.enabled",
	.nargs = 1,
	.argtypes = {INT8OID}
};

/* until_due - ms until there is something to take, a nap at most */
static long
until_due(InvPlanScope *scope)
{
	Datum		nap = Int64GetDatum(inv_worker_nap);

	return (long) inv_plan_number(scope, &wait_plan, &nap, NULL);
}

/* ---------- note ---------- */

/*
 * When it has ended, the next of its SKU is the head.  If one was put before it
 * while it was under way, that one is, and this one waits.
 */
#define OTHER_PENDING(which) \
	"FROM @inv_delivery p WHERE p.endpoint_id = d.endpoint_id" \
	" AND p.sku = d.sku AND p.state = 'pending'" which

static InvPlan delivery_plan = {
	.sql = "WITH d AS (UPDATE @inv_delivery d"
	"  SET state = $2, attempts = attempts + 1, next_at = CASE WHEN"
	"   EXISTS (SELECT " OTHER_PENDING(" AND p.delivery_id < d.delivery_id") ")"
	"   THEN 'infinity' ELSE clock_timestamp() + make_interval(secs => $3) END,"
	"   decided_at = CASE WHEN $2 <> 'pending' THEN clock_timestamp() END,"
	"   last_status = $4, last_error = $5"
	"  WHERE delivery_id = $1 AND state = 'pending' RETURNING *)"
	" UPDATE @inv_delivery n SET next_at = clock_timestamp()"
	" FROM d WHERE $2 <> 'pending' AND n.next_at = 'infinity'"
	"  AND n.delivery_id = (SELECT p.delivery_id "
	OTHER_PENDING(" AND p.delivery_id <> $1 ORDER BY p.delivery_id LIMIT 1") ")",
	.nargs = 5,
	.argtypes = {INT8OID, TEXTOID, FLOAT8OID, INT4OID, TEXTOID}
};

/* the breaker's part of each is a statement of its own, and comes in order */
static InvPlan success_plan = {
	.sql = "UPDATE @inv_endpoint_state SET breaker = 'closed', failures = 0,"
	"  retry_at = NULL, last_success_at = clock_timestamp(),"
	"  last_status = $2, last_error = NULL, delivered = delivered + 1"
	" WHERE endpoint_id = $1",
	.nargs = 2,
	.argtypes = {INT8OID, INT4OID}
};

/*
 * $4: is it the endpoint's fault?  $5: seconds that it has asked for.  What
 * was under way when the breaker opened says nothing new.  An endpoint that only
 * does not like what it was sent is well, and its breaker is closed again.
 */
#define COUNTS \
	"($4 AND coalesce(retry_at <= clock_timestamp(), true))"
#define OPENS \
	"(" COUNTS " AND (failures + 1 >= $6 OR $5 > 0))"

#define CLOSES \
	"(NOT $4 AND retry_at <= clock_timestamp())"

static InvPlan failure_plan = {
	.sql = "UPDATE @inv_endpoint_state SET"
	"  failures = CASE WHEN " CLOSES " THEN 0"
	"   ELSE failures + " COUNTS "::int END,"
	"  breaker = CASE WHEN " OPENS " THEN 'open' WHEN " CLOSES " THEN 'closed'"
	"   ELSE breaker END,"
	"  retry_at = CASE WHEN " OPENS " THEN"
	"   clock_timestamp() + make_interval(secs => greatest($5, least($7,"
	"    $8 * power(2, least(20, greatest(0, failures + 1 - $6))))))"
	"   WHEN " CLOSES " THEN NULL ELSE retry_at END,"
	"  last_failure_at = clock_timestamp(), last_status = $2,"
	"  last_error = $3, failed = failed + 1"
	" WHERE endpoint_id = $1",
	.nargs = 8,
	.argtypes = {INT8OID, INT4OID, TEXTOID, BOOLOID, FLOAT8OID, INT8OID,
	FLOAT8OID, FLOAT8OID}
};

static InvPlan gone_plan = {
	.sql = "WITH e AS (UPDATE @inv_endpoint SET enabled = false,"
	"  disabled_reason = 'it answered 410 Gone', updated_at = now()"
	"  WHERE endpoint_id = $1 RETURNING endpoint_id)"
	" UPDATE @inv_delivery d SET state = 'dead', decided_at = clock_timestamp(),"
	"  last_status = 410, last_error = 'the endpoint answered 410 Gone'"
	" FROM e WHERE d.endpoint_id = e.endpoint_id AND d.state = 'pending'",
	.nargs = 1,
	.argtypes = {INT8OID}
};

/*
 * asked_s - what the endpoint asked for, an hour at most
 *
 * It may say any number, by mistake or not: there is none of which it, let
 * alone another, should not be told again.
 */
static double
asked_s(const InvWebhookResult *result)
{
	return Min(Max(0, result->retry_after_s), MAX_DELAY_MS / 1000);
}

/* delay_s - before the next attempt: doubled each time, 20 % more or less */
static double
delay_s(const Landing *landing)
{
	double		ms = inv_webhook_retry_delay;
	double		asked = asked_s(&landing->result);

	for (int i = 0; i < landing->flight.attempts && ms < MAX_DELAY_MS; i++)
		ms *= 2;
	ms = Min(ms, MAX_DELAY_MS) *
		(0.8 + 0.4 * pg_prng_double(&pg_global_prng_state));
	return Max(asked, ms / 1000);
}

/* is_fault - of the endpoint, and not of this one thing that was sent */
static bool
is_fault(int status)
{
	static const int of_content[] = {400, 409, 413, 415, 422};

	for (int i = 0; i < lengthof(of_content); i++)
		if (status == of_content[i])
			return false;
	return true;
}

static void
note_success(InvPlanScope *scope, const Landing *landing)
{
	Datum		values[] = {
		Int64GetDatum(landing->flight.endpoint_id),
		Int32GetDatum(landing->result.status)
	};

	inv_plan_run(scope, &success_plan, values, NULL, 0);
}

static void
note_failure(InvPlanScope *scope, const Landing *landing, Datum error)
{
	const InvWebhookResult *result = &landing->result;
	Datum		values[] = {
		Int64GetDatum(landing->flight.endpoint_id),
		Int32GetDatum(result->status),
		error,
		BoolGetDatum(is_fault(result->status)),
		Float8GetDatum(asked_s(result)),
		Int64GetDatum(BREAKER_FAILURES),
		Float8GetDatum(MAX_PAUSE_MS / 1000.0),
		Float8GetDatum(inv_webhook_retry_delay / 1000.0)
	};

	inv_plan_run(scope, &failure_plan, values,
				 result->status == 0 ? " n      " : NULL, 0);
}

static void
note_delivery(InvPlanScope *scope, const Landing *landing, bool success,
			  Datum error)
{
	const Flight *flight = &landing->flight;
	bool		last = flight->attempts + 1 >= flight->max_attempts;
	Datum		values[] = {
		Int64GetDatum(flight->delivery_id),
		CStringGetTextDatum(success ? "delivered" : last ? "dead" : "pending"),
		Float8GetDatum(success ? 0 : delay_s(landing)),
		Int32GetDatum(landing->result.status),
		error
	};
	char		nulls[] = "     ";

	if (landing->result.status == 0)
		nulls[3] = 'n';
	if (success)
		nulls[4] = 'n';
	inv_plan_run(scope, &delivery_plan, values, nulls, 0);
}

static void
note(InvPlanScope *scope, const Landing *landing)
{
	const InvWebhookResult *result = &landing->result;
	bool		success = result->status >= 200 && result->status < 300;
	Datum		gone = Int64GetDatum(landing->flight.endpoint_id);
	Datum		error =
	CStringGetTextDatum(result->error[0] ? result->error :
						psprintf("it answered %d", result->status));

	note_delivery(scope, landing, success, error);
	if (success)
		note_success(scope, landing);
	else
		note_failure(scope, landing, error);
	if (result->status == 410)
		inv_plan_run(scope, &gone_plan, &gone, NULL, 0);
}

/* collect - those that have ended, in the order in which they did */
static int
collect(Landing *landings)
{
	int			count = 0;

	while (count < lengthof(flights) &&
		   inv_webhook_next(&landings[count].result))
	{
		Flight	   *flight = landings[count].result.owner;
		int			i = 0;

		while (flights[i] != flight)
			i++;
		flights[i] = flights[--flight_count];
		landings[count++].flight = *flight;
		pfree(flight);
	}
	return count;
}

/* ---------- a turn ---------- */

InvPlan		inv_deliver_backlog = {
	.sql = "SELECT (SELECT count(*) FROM @inv_alert WHERE pending)"
	" + (SELECT count(*) FROM @inv_delivery WHERE state = 'pending')",
	.read_only = true
};

static BlockNumber
size_of(Oid schema, const char *name)
{
	Relation	table = table_open(get_relname_relid(name, schema),
								   AccessShareLock);
	BlockNumber blocks = RelationGetNumberOfBlocks(table);

	table_close(table, AccessShareLock);
	return blocks;
}

/*
 * plan_for_size - has statements planned anew when the tables have outgrown
 * what they were planned for
 *
 * What was planned while they were empty may read all of them ever after, until
 * somebody analyzes them, and thousands of deliveries are made in a second.
 */
static void
plan_for_size(const InvCatalogue *cat)
{
	static InvPlan *const plans[] = {
		&dispatch_plan, &queue_plan, &take_plan, &wait_plan, &delivery_plan
	};
	static BlockNumber planned_for = 0;
	Oid			schema = get_rel_namespace(cat->stock);
	BlockNumber blocks = size_of(schema, "inv_alert") +
	size_of(schema, "inv_delivery");

	if (blocks <= 2 * planned_for && blocks >= planned_for / 2)
		return;
	planned_for = blocks;
	for (int i = 0; i < lengthof(plans); i++)
		inv_plan_forget(plans[i]);
}

/* forget - what is under way, when there is nobody any more to tell it to */
static void
forget(void)
{
	inv_webhook_abandon_all();
	while (flight_count > 0)
		pfree(flights[--flight_count]);
}

/*
 * begin - a scope in which nobody is waited for long
 *
 * Somebody may have changed an endpoint in a transaction that they leave open,
 * and holds must expire meanwhile.  Then this verb fails, says so, and is tried
 * again; what it had to note is sent again.
 */
static void
begin(InvPlanScope *scope, const InvCatalogue *cat)
{
	inv_plan_begin(scope, cat);
	inv_plan_set("lock_timeout", LOCK_TIMEOUT);
}

long
inv_deliver_run(void)
{
	static Oid	sent_for = InvalidOid;
	Landing    *landings = palloc(lengthof(flights) * sizeof(Landing));
	int			count = collect(landings);
	const InvCatalogue *cat = inv_worker_begin();
	InvPlanScope scope;
	bool		more;
	long		wait;

	/* of an extension made anew the same numbers are other deliveries */
	if (cat == NULL || cat->stock != sent_for)
	{
		forget();
		count = 0;
	}
	if (cat == NULL)
		return inv_worker_nap;
	sent_for = cat->stock;
	plan_for_size(cat);
	begin(&scope, cat);
	for (int i = 0; i < count; i++)
		note(&scope, &landings[i]);
	inv_plan_run(&scope, &queue_plan, NULL, NULL, 0);
	more = dispatch(&scope) == DISPATCH_BATCH;
	inv_plan_end(&scope);
	inv_worker_commit(false);

	cat = inv_worker_begin();
	if (cat == NULL)
		return inv_worker_nap;
	begin(&scope, cat);
	take(&scope);
	wait = until_due(&scope);
	inv_plan_end(&scope);
	inv_worker_commit(false);
	return more ? 0 : wait;
}

/* and those of an endpoint that was removed while they were made */
static InvPlan expire_plan = {
	.sql = "DELETE FROM @inv_delivery d"
	" WHERE state <> 'pending' AND decided_at < $1"
	"  OR created_at < $1 AND NOT EXISTS (SELECT FROM @inv_endpoint e"
	"   WHERE e.endpoint_id = d.endpoint_id)",
	.nargs = 1,
	.argtypes = {TIMESTAMPTZOID}
};

int64
inv_deliver_expire(const InvCatalogue *cat)
{
	InvPlanScope scope;
	Datum		limit = TimestampTzGetDatum(GetCurrentTimestamp() -
											inv_alert_retention *
											USECS_PER_SEC);
	uint64		removed;

	inv_plan_begin(&scope, cat);
	removed = inv_plan_run(&scope, &expire_plan, &limit, NULL, 0);
	inv_plan_end(&scope);
	return removed;
}
