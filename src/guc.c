/*
 * guc.c
 *		The settings.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"
#include "utils/varlena.h"

#include "address.h"
#include "compat.h"
#include "guc.h"
#include "webhook.h"

/* the longest texts that a movement keeps beside its reference */
#define MAX_ACTOR_BYTES 255
#define MAX_TRACEPARENT_BYTES 255

char	   *inv_default_location;
char	   *inv_actor;
char	   *inv_traceparent;
int			inv_leaf_size;
int			inv_key_retention;
int			inv_hold_retention;
int			inv_alert_margin;
int			inv_alert_retention;
int			inv_max_lines;
char	   *inv_databases;
int			inv_worker_nap;
int			inv_stream_heartbeat;
bool		inv_log_refusals;
int			inv_webhook_timeout;
int			inv_webhook_retry_delay;
int			inv_webhook_in_flight_limit;
char	   *inv_webhook_ca_file;
const InvAllowList *inv_webhook_allow_list;
uint64		inv_webhook_allow_generation = 0;

static char *webhook_allow;

static bool
check_location(char **value, void **extra, GucSource source)
{
	if ((*value)[0] != '\0')
		return true;
	GUC_check_errdetail("A location has at least one character.");
	return false;
}

static bool
check_actor(char **value, void **extra, GucSource source)
{
	if (strlen(*value) <= MAX_ACTOR_BYTES)
		return true;
	GUC_check_errdetail("An actor has at most %d bytes.", MAX_ACTOR_BYTES);
	return false;
}

static bool
check_traceparent(char **value, void **extra, GucSource source)
{
	if (strlen(*value) <= MAX_TRACEPARENT_BYTES)
		return true;
	GUC_check_errdetail("A trace context has at most %d bytes.",
						MAX_TRACEPARENT_BYTES);
	return false;
}

static bool
check_databases(char **value, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*value);
	List	   *names;
	bool		good = SplitGUCList(copy, ',', &names);

	if (!good)
		GUC_check_errdetail("Name databases, separated by commas, in double "
							"quotes if need be.");
	list_free(names);
	pfree(copy);
	return good;
}

List *
inv_guc_databases(void)
{
	List	   *names;

	if (!SplitGUCList(pstrdup(inv_databases), ',', &names))
		elog(ERROR, "inventory.databases was not checked");
	return names;
}

/* check_allow - the list that is made of it is what is used */
static bool
check_allow(char **value, void **extra, GucSource source)
{
	InvAllowList *list = inv_guc_malloc(sizeof(InvAllowList));
	const char *problem = list ? inv_allow_parse(*value, list) :
	"There is no memory for it.";

	if (problem == NULL)
	{
		*extra = list;
		return true;
	}
	GUC_check_errdetail("%s", problem);
	if (list)
		inv_guc_free(list);
	return false;
}

static void
assign_allow(const char *value, void *extra)
{
	inv_webhook_allow_list = extra;
	inv_webhook_allow_generation++;
}

/* define_calls - what a call reads */
static void
define_calls(void)
{
	DefineCustomStringVariable("inventory.default_location",
							   "Location of calls that name none.",
							   "It is made by the first call that needs it.",
							   &inv_default_location, "main",
							   PGC_USERSET, 0, check_location, NULL, NULL);
	DefineCustomStringVariable("inventory.actor",
							   "Who acts, as the ledger shall say.",
							   "Empty: the session user. For applications "
							   "behind a connection pool.",
							   &inv_actor, "",
							   PGC_USERSET, 0, check_actor, NULL, NULL);
	DefineCustomStringVariable("inventory.traceparent",
							   "W3C trace context to keep in the ledger.",
							   NULL,
							   &inv_traceparent, "",
							   PGC_USERSET, 0, check_traceparent, NULL, NULL);
	DefineCustomIntVariable("inventory.max_lines",
							"Lines that one call may have.",
							"Guards against a call that was not meant.",
							&inv_max_lines, 10000, 1, 1000000,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("inventory.log_refusals",
							 "Write refusals (class IV) to the server log.",
							 NULL,
							 &inv_log_refusals, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}

/* define_keeping - what is kept, and when it is told */
static void
define_keeping(void)
{
	DefineCustomIntVariable("inventory.leaf_size",
							"Movements that one leaf of the ledger holds.",
							"Used when the next leaf is made.",
							&inv_leaf_size, 10 * 1000 * 1000, 10, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.key_retention",
							"How long a key is remembered, at least.",
							"Older ones are removed by inv_maintain().",
							&inv_key_retention, 24 * 60 * 60, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.hold_retention",
							"How long a decided hold is remembered, at least.",
							"Longer than any coordinator repeats a call. "
							"Older ones are removed by inv_maintain().",
							&inv_hold_retention, 7 * 24 * 60 * 60, 0, INT_MAX,
							PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.alert_margin",
							"Per cent of its threshold that a level must "
							"rise above it to have recovered.",
							"One unit at least; 0: none. A stock row takes "
							"it over when its state or a limit changes.",
							&inv_alert_margin, 20, 0, 1000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.alert_retention",
							"How long an alert is kept, at least.",
							"Older ones that are closed are removed by "
							"inv_maintain().",
							&inv_alert_retention, 90 * 24 * 60 * 60, 0,
							INT_MAX, PGC_SIGHUP, GUC_UNIT_S,
							NULL, NULL, NULL);
}

/* define_worker - who works in the background */
static void
define_worker(void)
{
	DefineCustomStringVariable("inventory.databases",
							   "Databases in which a worker runs.",
							   "Names, separated by commas, as they are "
							   "spelled in pg_database.",
							   &inv_databases, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_databases, NULL, NULL);
	DefineCustomIntVariable("inventory.worker_nap",
							"After what time a worker looks for work unasked.",
							NULL,
							&inv_worker_nap, 1000, 10, 60 * 60 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.stream_heartbeat",
							"After what time readers of the change stream get "
							"a sign of life.",
							"Only if the server wrote something since the "
							"last one. 0: never.",
							&inv_stream_heartbeat, 10 * 1000, 0,
							60 * 60 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
}

/* define_webhooks - how alerts are told to others */
static void
define_webhooks(void)
{
	DefineCustomStringVariable("inventory.webhook_allow",
							   "Hosts that webhooks may be sent to.",
							   "Names, *.names, addresses and networks; * is "
							   "every public host. Empty: none.",
							   &webhook_allow, "",
							   PGC_SIGHUP, GUC_LIST_INPUT,
							   check_allow, assign_allow, NULL);
	DefineCustomStringVariable("inventory.webhook_ca_file",
							   "File of certificates of authorities that "
							   "webhooks trust.",
							   "Empty: those of the system.",
							   &inv_webhook_ca_file, "",
							   PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.webhook_timeout",
							"How long a webhook may take.",
							NULL,
							&inv_webhook_timeout, 15000, 10, 600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.webhook_retry_delay",
							"How long after a failure a webhook is tried again.",
							"Doubled with each further one, up to an hour.",
							&inv_webhook_retry_delay, 5000, 10, 60 * 60 * 1000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("inventory.webhook_in_flight",
							"Webhooks that are under way at the same time.",
							NULL,
							&inv_webhook_in_flight_limit, 64, 1,
							INV_WEBHOOK_MAX_IN_FLIGHT,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}

void
inv_guc_define(void)
{
	define_calls();
	define_keeping();
	define_worker();
	define_webhooks();
	MarkGUCPrefixReserved("inventory");
}
