/*
 * endpoint.c
 *		Where alerts are told: added, changed, switched off and on, removed.
 *
 * An endpoint is in three tables.  inv_endpoint says what it is, and is dumped.
 * inv_endpoint_secret has what nobody may read but the owner of the extension,
 * inv_endpoint_state how deliveries get on; neither is dumped.  Only with a row
 * of state that bears the oid of this very database does an endpoint send:
 * so a restored dump and a copied database send nothing until somebody calls
 * inv_endpoints_enable().
 *
 * Everything here is rare: SQL, as owner.  Secrets travel as parameters, never
 * in the text of a statement.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/wait_event.h"

#include "address.h"
#include "argument.h"
#include "compat.h"
#include "endpoint.h"
#include "errors.h"
#include "guc.h"
#include "payload.h"
#include "plan.h"
#include "webhook.h"

PG_FUNCTION_INFO_V1(inv_add_endpoint);
PG_FUNCTION_INFO_V1(inv_change_endpoint);
PG_FUNCTION_INFO_V1(inv_enable_endpoint);
PG_FUNCTION_INFO_V1(inv_disable_endpoint);
PG_FUNCTION_INFO_V1(inv_remove_endpoint);
PG_FUNCTION_INFO_V1(inv_endpoints_enable);
PG_FUNCTION_INFO_V1(inv_test_endpoint);
PG_FUNCTION_INFO_V1(inv_redeliver);

#define MAX_URL_BYTES 2000
#define MAX_AUTHORIZATION_BYTES 2000
#define MAX_SECRETS 4

/* The arguments that add and change have in common, after the name */
enum
{
	ARG_NAME,
	ARG_URL,
	ARG_FORMAT,
	ARG_SECRETS,
	ARG_EVENTS,
	ARG_FILTER,
	ARG_AUTHORIZATION,
	ARG_MAX_ATTEMPTS,
	ARG_TIMEOUT_MS,
	ARGS
};

/* Their values, as they are stored; what is not given is null */
typedef struct Values
{
	Datum		values[ARGS];
	char		nulls[ARGS + 1];
} Values;

/* ---------- checks ---------- */

char *
inv_endpoint_shown_url(const char *url)
{
	const char *host = strstr(url, "://");
	size_t		length;

	host = host ? host + 3 : url;
	length = host - url + strcspn(host, "/?#");
	return url[length] ? psprintf("%.*s/...", (int) length, url) :
		pstrdup(url);
}

static void
refuse(const char *argument, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("argument \"%s\": %s", argument, problem),
			 inv_errdetail("argument:s", argument),
			 errhint("%s", hint)));
}

static void
refuse_unknown(Datum name)
{
	refuse("name", psprintf("there is no endpoint \"%s\"",
							TextDatumGetCString(name)),
		   "The view inv_endpoints shows those that there are.");
}

static void
check_url(InvCall *call)
{
	char	   *url = text_to_cstring(inv_call_text(call, ARG_URL, "url",
													MAX_URL_BYTES));
	const char *refusal = inv_allow_url(inv_webhook_allow_list, url);

	if (refusal == NULL)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("nothing may be sent to \"%s\"",
					inv_endpoint_shown_url(url)),
			 inv_errdetail("argument:s problem:s", "url", refusal),
			 errhint("A superuser names the hosts that webhooks may be sent to in the setting inventory.webhook_allow.")));
}

static void
check_format(InvCall *call)
{
	char	   *format = text_to_cstring(inv_call_text(call, ARG_FORMAT,
													   "format",
													   INV_MAX_NAME_BYTES));

	if (strcmp(format, "standard") != 0 && strcmp(format, "alertmanager") != 0 &&
		strcmp(format, "cloudevents") != 0)
		refuse("format", psprintf("unknown format \"%s\"", format),
			   psprintf("It is %s.", inv_payload_formats));
}

/* get_texts - the elements of an array that has no nulls */
static int
get_texts(InvCall *call, int arg, const char *name, char ***texts)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(call->fcinfo->args[arg].value),
					  TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls,
					  &count);
	*texts = palloc(Max(1, count) * sizeof(char *));
	for (int i = 0; i < count; i++)
	{
		if (nulls[i])
			refuse(name, "an element is null", "Leave it out.");
		(*texts)[i] = TextDatumGetCString(elements[i]);
	}
	return count;
}

/* check_secrets - a secret is in no message */
static void
check_secrets(InvCall *call)
{
	char	  **secrets;
	int			count = get_texts(call, ARG_SECRETS, "secrets", &secrets);

	if (count > MAX_SECRETS)
		refuse("secrets", "there are more than 4",
			   "One signs, a second one is for changing over.");
	for (int i = 0; i < count; i++)
	{
		const char *problem = inv_payload_check_secret(secrets[i]);

		if (problem)
			refuse("secrets", problem,
				   "Leave the argument out, and one is made at random.");
	}
}

static void
check_events(InvCall *call)
{
	char	  **events;
	int			count = get_texts(call, ARG_EVENTS, "events", &events);

	for (int i = 0; i < count; i++)
		if (strcmp(events[i], "low") != 0 && strcmp(events[i], "out") != 0 &&
			strcmp(events[i], "short") != 0 &&
			strcmp(events[i], "recovered") != 0)
			refuse("events", psprintf("unknown event \"%s\"", events[i]),
				   "Events are low, out, short and recovered.");
}

/* the members of a filter that there are not, or that are not what they must be */
static InvPlan filter_plan = {
	.sql = "SELECT key FROM jsonb_each($1) WHERE CASE"
	" WHEN key IN ('skus', 'locations') THEN jsonb_typeof(value) <> 'array'"
	" WHEN key = 'attributes' THEN jsonb_typeof(value) <> 'object'"
	" ELSE true END LIMIT 1",
	.nargs = 1,
	.argtypes = {JSONBOID}
};

static void
check_filter(const InvCatalogue *cat, InvCall *call)
{
	Datum		filter = call->fcinfo->args[ARG_FILTER].value;
	const char *hint = "It is an object with any of skus and locations, which are arrays, and attributes, an object.";
	InvPlanScope scope;
	bool		bad;

	if (!JB_ROOT_IS_OBJECT(DatumGetJsonbP(filter)))
		refuse("filter", "it is no object", hint);
	inv_plan_begin(&scope, cat);
	bad = inv_plan_run(&scope, &filter_plan, &filter, NULL, 1) > 0;
	inv_plan_end(&scope);
	if (bad)
		refuse("filter", "a member is not known, or not of its type", hint);
}

/* check_authorization - it becomes a header, so it has one line */
static void
check_authorization(InvCall *call)
{
	text	   *value = inv_call_text(call, ARG_AUTHORIZATION,
									  "authorization",
									  MAX_AUTHORIZATION_BYTES);

	for (int i = 0; i < VARSIZE_ANY_EXHDR(value); i++)
	{
		unsigned char c = VARDATA_ANY(value)[i];

		if (c < 0x20 || c > 0x7E)
			refuse("authorization",
				   "it contains a character that no header may have",
				   "Pass what follows \"Authorization: \", such as \"Bearer \" and a token.");
	}
}

/* get_values - checks all that are given */
static void
get_values(const InvCatalogue *cat, InvCall *call, Values *values)
{
	const NullableDatum *args = call->fcinfo->args;

	(void) inv_call_name(call, ARG_NAME, "name");
	if (!args[ARG_URL].isnull)
		check_url(call);
	if (!args[ARG_FORMAT].isnull)
		check_format(call);
	if (!args[ARG_SECRETS].isnull)
		check_secrets(call);
	if (!args[ARG_EVENTS].isnull)
		check_events(call);
	if (!args[ARG_FILTER].isnull)
		check_filter(cat, call);
	if (!args[ARG_AUTHORIZATION].isnull)
		check_authorization(call);
	if (!args[ARG_MAX_ATTEMPTS].isnull)
		(void) inv_call_integer(call, ARG_MAX_ATTEMPTS, "max_attempts", 1, 100);
	if (!args[ARG_TIMEOUT_MS].isnull)
		(void) inv_call_integer(call, ARG_TIMEOUT_MS, "timeout_ms", 10, 600000);
	for (int i = 0; i < ARGS; i++)
	{
		values->values[i] = args[i].value;
		values->nulls[i] = args[i].isnull ? 'n' : ' ';
	}
	values->nulls[ARGS] = '\0';
}

/* ---------- statements ---------- */

#define ENDPOINT_ARGTYPES \
	{TEXTOID, TEXTOID, TEXTOID, TEXTARRAYOID, TEXTARRAYOID, JSONBOID, TEXTOID, \
	INT8OID, INT8OID}

static InvPlan insert_plan = {
	.sql = "WITH e AS (INSERT INTO @inv_endpoint (name, url, format, events,"
	"  filter, max_attempts, timeout_ms, signed)"
	" VALUES ($1, $2, $3, nullif($5, '{}'), $6, $8, $9,"
	"  coalesce($4, '{}') <> '{}')"
	" ON CONFLICT (name) DO NOTHING RETURNING endpoint_id),"
	" s AS (INSERT INTO @inv_endpoint_secret"
	"  SELECT endpoint_id, nullif($4, '{}'), nullif($7, '') FROM e),"
	" t AS (INSERT INTO @inv_endpoint_state (endpoint_id, database)"
	"  SELECT endpoint_id, d.oid FROM e, pg_database d"
	"   WHERE d.datname = current_database())"
	" SELECT endpoint_id FROM e",
	.nargs = ARGS,
	.argtypes = ENDPOINT_ARGTYPES
};

static InvPlan update_plan = {
	.sql = "WITH e AS (UPDATE @inv_endpoint SET url = coalesce($2, url),"
	"  format = coalesce($3, format),"
	"  events = CASE WHEN $5 IS NULL THEN events ELSE nullif($5, '{}') END,"
	"  filter = coalesce($6, filter),"
	"  max_attempts = coalesce($8, max_attempts),"
	"  timeout_ms = coalesce($9, timeout_ms),"
	"  signed = coalesce($4 <> '{}', signed), updated_at = now()"
	" WHERE name = $1 RETURNING endpoint_id),"
	" s AS (INSERT INTO @inv_endpoint_secret AS o"
	"  SELECT endpoint_id, nullif($4, '{}'), nullif($7, '') FROM e"
	"  ON CONFLICT (endpoint_id) DO UPDATE SET"
	"   secrets = CASE WHEN $4 IS NULL THEN o.secrets"
	"    ELSE excluded.secrets END,"
	"   \"authorization\" = CASE WHEN $7 IS NULL THEN o.\"authorization\""
	"    ELSE excluded.\"authorization\" END)"
	" SELECT endpoint_id FROM e",
	.nargs = ARGS,
	.argtypes = ENDPOINT_ARGTYPES
};

static InvPlan disable_plan = {
	.sql = "UPDATE @inv_endpoint SET enabled = false,"
	"  disabled_reason = 'switched off', updated_at = now() WHERE name = $1"
	" RETURNING endpoint_id",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan enable_plan = {
	.sql = "WITH e AS (UPDATE @inv_endpoint SET enabled = true,"
	"  disabled_reason = NULL, updated_at = now() WHERE name = $1"
	"  RETURNING endpoint_id),"
	" t AS (INSERT INTO @inv_endpoint_state (endpoint_id, database)"
	"  SELECT endpoint_id, d.oid FROM e, pg_database d"
	"   WHERE d.datname = current_database()"
	"  ON CONFLICT (endpoint_id) DO UPDATE SET database = excluded.database,"
	"   breaker = 'closed', failures = 0, retry_at = NULL)"
	" SELECT endpoint_id FROM e",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan remove_plan = {
	.sql = "WITH e AS (DELETE FROM @inv_endpoint WHERE name = $1"
	"  RETURNING endpoint_id),"
	" s AS (DELETE FROM @inv_endpoint_secret"
	"  WHERE endpoint_id IN (SELECT endpoint_id FROM e)),"
	" t AS (DELETE FROM @inv_endpoint_state"
	"  WHERE endpoint_id IN (SELECT endpoint_id FROM e)),"
	" d AS (DELETE FROM @inv_delivery"
	"  WHERE endpoint_id IN (SELECT endpoint_id FROM e))"
	" SELECT endpoint_id FROM e",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

static InvPlan arm_plan = {
	.sql = "WITH armed AS ("
	"  INSERT INTO @inv_endpoint_state (endpoint_id, database)"
	"  SELECT e.endpoint_id, d.oid FROM @inv_endpoint e, pg_database d"
	"   WHERE e.enabled AND d.datname = current_database()"
	"  ON CONFLICT (endpoint_id) DO UPDATE SET database = excluded.database,"
	"   breaker = 'closed', failures = 0, retry_at = NULL"
	"  RETURNING 1)"
	" SELECT count(*) FROM armed",
	.nargs = 0
};

static InvPlan mute_plan = {
	.sql = "SELECT count(*) FROM @inv_endpoint e"
	" LEFT JOIN @inv_endpoint_secret s USING (endpoint_id)"
	" WHERE e.enabled AND NOT " INV_ENDPOINT_SIGNS,
	.nargs = 0
};

/* run_on - a statement about one endpoint; raises if there is none */
static void
run_on(FunctionCallInfo fcinfo, const char *function, InvPlan *plan)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	InvCall		call;
	Datum		name;
	bool		found;

	inv_call_begin_writing(&call, fcinfo, function, INV_NO_KEY_ARGUMENT);
	name = PointerGetDatum(inv_call_name(&call, 0, "name"));
	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, plan, &name, NULL, 0) > 0;
	inv_plan_end(&scope);
	if (!found)
		refuse_unknown(name);
}

/* ---------- calls ---------- */

/* make_secret - for an endpoint that should sign and has been given none */
static void
make_secret(Values *values)
{
	Datum		secret;

	if (values->nulls[ARG_SECRETS] != 'n' ||
		strcmp(TextDatumGetCString(values->values[ARG_FORMAT]),
			   "standard") != 0)
		return;
	secret = CStringGetTextDatum(inv_payload_make_secret());
	values->values[ARG_SECRETS] =
		PointerGetDatum(construct_array(&secret, 1, TEXTOID, -1, false,
										TYPALIGN_INT));
	values->nulls[ARG_SECRETS] = ' ';
}

Datum
inv_add_endpoint(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	InvCall		call;
	Values		values;
	int64		endpoint_id;

	inv_call_begin_writing(&call, fcinfo, "inv_add_endpoint",
						   INV_NO_KEY_ARGUMENT);
	inv_call_require(&call, ARG_URL, "url");
	inv_call_require(&call, ARG_FORMAT, "format");
	inv_call_require(&call, ARG_MAX_ATTEMPTS, "max_attempts");
	get_values(cat, &call, &values);
	make_secret(&values);
	inv_plan_begin(&scope, cat);
	endpoint_id = inv_plan_number(&scope, &insert_plan, values.values,
								  values.nulls);
	inv_plan_end(&scope);
	if (endpoint_id == 0)
		refuse("name", psprintf("there is an endpoint \"%s\" already",
								TextDatumGetCString(values.values[ARG_NAME])),
			   "inv_change_endpoint() changes it.");
	PG_RETURN_INT64(endpoint_id);
}

Datum
inv_change_endpoint(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	InvCall		call;
	Values		values;
	bool		found;

	inv_call_begin_writing(&call, fcinfo, "inv_change_endpoint",
						   INV_NO_KEY_ARGUMENT);
	get_values(cat, &call, &values);
	inv_plan_begin(&scope, cat);
	found = inv_plan_run(&scope, &update_plan, values.values, values.nulls,
						 0) > 0;
	inv_plan_end(&scope);
	if (!found)
		refuse_unknown(values.values[ARG_NAME]);
	PG_RETURN_VOID();
}

Datum
inv_enable_endpoint(PG_FUNCTION_ARGS)
{
	run_on(fcinfo, "inv_enable_endpoint", &enable_plan);
	PG_RETURN_VOID();
}

Datum
inv_disable_endpoint(PG_FUNCTION_ARGS)
{
	run_on(fcinfo, "inv_disable_endpoint", &disable_plan);
	PG_RETURN_VOID();
}

Datum
inv_remove_endpoint(PG_FUNCTION_ARGS)
{
	run_on(fcinfo, "inv_remove_endpoint", &remove_plan);
	PG_RETURN_VOID();
}

Datum
inv_endpoints_enable(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	InvCall		call;
	int64		armed;
	int64		mute;

	inv_call_begin_writing(&call, fcinfo, "inv_endpoints_enable",
						   INV_NO_KEY_ARGUMENT);
	inv_plan_begin(&scope, cat);
	armed = inv_plan_number(&scope, &arm_plan, NULL, NULL);
	mute = inv_plan_number(&scope, &mute_plan, NULL, NULL);
	inv_plan_end(&scope);
	if (mute > 0)
		ereport(WARNING,
				(errmsg(INT64_FORMAT " endpoints have lost their secrets, and stay silent",
						mute),
				 errhint("Set them with inv_change_endpoint().")));
	PG_RETURN_INT64(armed - mute);
}

/* ---------- inv_test_endpoint ---------- */

static InvPlan test_plan = {
	.sql = "SELECT " INV_PAYLOAD_COLUMNS ", " INV_ENDPOINT_SIGNS
	" FROM @inv_endpoint e"
	" LEFT JOIN @inv_endpoint_secret s USING (endpoint_id),"
	" (SELECT 0 AS alert_id, NULL::bigint AS stock_id,"
	"   gen_random_uuid() AS event_id, 'test' AS kind,"
	"   'ok' AS previous, 'test' AS sku, 'test' AS location, 0 AS on_hand,"
	"   0 AS reserved, 0 AS available, 0 AS threshold,"
	"   NULL::bigint AS reorder_point, NULL::bigint AS target_level,"
	"   clock_timestamp() AS raised_at) a"
	" WHERE e.name = $1",
	.nargs = 1,
	.argtypes = {TEXTOID}
};

/* send_test - raises if it cannot be sent */
static void
send_test(const InvCatalogue *cat, Datum name)
{
	InvPlanScope scope;
	Datum		row[INV_PAYLOAD_NCOLUMNS + 1];
	bool		nulls[lengthof(row)];

	inv_plan_begin(&scope, cat);
	if (inv_plan_run(&scope, &test_plan, &name, NULL, 1) == 0)
		refuse_unknown(name);
	for (int i = 0; i < lengthof(row); i++)
		row[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
							   i + 1, &nulls[i]);
	if (!DatumGetBool(row[INV_PAYLOAD_NCOLUMNS]))
		refuse("name", "the secrets of the endpoint are missing",
			   "They are in no dump: set them with inv_change_endpoint().");
	(void) inv_payload_send(row, nulls, NULL);
	inv_plan_end(&scope);
}

Datum
inv_test_endpoint(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvWebhookResult result;
	InvCall		call;
	Datum		name;
	Datum		values[4];
	bool		nulls[4] = {false};
	TupleDesc	desc;

	inv_call_begin(&call, fcinfo, "inv_test_endpoint");
	name = PointerGetDatum(inv_call_name(&call, 0, "name"));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "inv_test_endpoint() must answer a row");
	PG_TRY();
	{
		send_test(cat, name);
		while (!inv_webhook_next(&result))
			(void) inv_webhook_wait(1000, PG_WAIT_EXTENSION);
	}
	PG_FINALLY();
	{
		inv_webhook_abandon_all();
	}
	PG_END_TRY();
	values[0] = BoolGetDatum(result.status >= 200 && result.status < 300);
	values[1] = Int32GetDatum(result.status);
	nulls[1] = result.status == 0;
	values[2] = Int64GetDatum((int64) (result.seconds * 1000));
	values[3] = CStringGetTextDatum(result.error);
	nulls[3] = result.error[0] == '\0';
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values,
											 nulls));
}

/* ---------- inv_redeliver ---------- */

/* the worker finds them their place in the queue, see deliver.c */
static InvPlan redeliver_plan = {
	.sql = "WITH again AS (UPDATE @inv_delivery d SET state = 'pending',"
	"  attempts = 0, next_at = '-infinity', decided_at = NULL"
	"  FROM @inv_endpoint e"
	"  WHERE e.endpoint_id = d.endpoint_id AND e.name = $1"
	"   AND CASE WHEN $2 IS NOT NULL THEN d.delivery_id = $2"
	"        ELSE d.state = 'dead' AND d.created_at >= coalesce($3, '-infinity')"
	"       END AND d.state <> 'pending' RETURNING 1)"
	" SELECT (SELECT count(*) FROM again) FROM @inv_endpoint WHERE name = $1",
	.nargs = 3,
	.argtypes = {TEXTOID, INT8OID, TIMESTAMPTZOID}
};

Datum
inv_redeliver(PG_FUNCTION_ARGS)
{
	const InvCatalogue *cat = inv_catalogue_get(fcinfo, RowExclusiveLock);
	InvPlanScope scope;
	InvCall		call;
	Datum		values[3];
	char		nulls[4] = "   ";
	int64		count;

	inv_call_begin_writing(&call, fcinfo, "inv_redeliver",
						   INV_NO_KEY_ARGUMENT);
	values[0] = PointerGetDatum(inv_call_name(&call, 0, "endpoint"));
	for (int i = 1; i < 3; i++)
	{
		values[i] = fcinfo->args[i].value;
		nulls[i] = fcinfo->args[i].isnull ? 'n' : ' ';
	}
	inv_plan_begin(&scope, cat);
	count = inv_plan_number(&scope, &redeliver_plan, values, nulls);
	if (SPI_processed == 0)
		refuse_unknown(values[0]);
	inv_plan_end(&scope);
	PG_RETURN_INT64(count);
}
