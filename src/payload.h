/*
 * payload.h
 *		What a webhook says, and how it is signed.
 */
#ifndef INV_PAYLOAD_H
#define INV_PAYLOAD_H

/* the formats, in words */
extern const char *const inv_payload_formats;

/*
 * INV_PAYLOAD_COLUMNS - what is to be known of an alert a that is sent to an
 * endpoint e with the secrets s: where, in which format, under which id, the
 * body, how it is signed and authorized, how long it may take
 *
 * standard: an event as Standard Webhooks has them; cloudevents: CloudEvents
 * 1.0, structured; alertmanager: the alerts of Alertmanager's API v2.  There an
 * alert is firing until it is said to have ended: so it gets a far end, and the
 * one before of the same stock row, if it was open, ends when it begins.
 */
#define INV_PAYLOAD_TIME(time) \
	"to_char((" time ") AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"

#define INV_PAYLOAD_DATA \
	"json_build_object('alert_id', a.alert_id, 'kind', a.kind," \
	" 'previous', a.previous, 'sku', a.sku, 'location', a.location," \
	" 'on_hand', a.on_hand, 'reserved', a.reserved," \
	" 'available', a.available, 'threshold', a.threshold," \
	" 'reorder_point', a.reorder_point, 'target_level', a.target_level)"

#define INV_PAYLOAD_LABELS(kind) \
	"json_build_object('alertname', 'Inventory' || initcap(" kind ")," \
	" 'sku', a.sku, 'location', a.location, 'severity'," \
	" CASE " kind " WHEN 'low' THEN 'warning' ELSE 'critical' END)"

#define INV_PAYLOAD_BODY \
	"CASE e.format" \
	" WHEN 'standard' THEN json_build_object('type', 'inventory.' || a.kind," \
	"  'timestamp', " INV_PAYLOAD_TIME("a.raised_at") "," \
	"  'data', " INV_PAYLOAD_DATA ")::text" \
	" WHEN 'cloudevents' THEN json_build_object('specversion', '1.0'," \
	"  'id', 'evt_' || a.event_id," \
	"  'source', '/inventory/' || current_database()," \
	"  'type', 'inventory.' || a.kind, 'subject', a.sku," \
	"  'time', " INV_PAYLOAD_TIME("a.raised_at") "," \
	"  'datacontenttype', 'application/json'," \
	"  'data', " INV_PAYLOAD_DATA ")::text" \
	" ELSE (SELECT coalesce(json_agg(json_strip_nulls(alert)), '[]')::text FROM (" \
	"  SELECT json_build_object('labels', " INV_PAYLOAD_LABELS("a.previous") "," \
	"    'startsAt', " INV_PAYLOAD_TIME("(SELECT max(p.raised_at)" \
	"      FROM @inv_alert p WHERE p.stock_id = a.stock_id" \
	"       AND p.alert_id < a.alert_id AND p.kind = a.previous)") "," \
	"    'endsAt', " INV_PAYLOAD_TIME("a.raised_at") ") AS alert" \
	"   WHERE a.previous IN ('low', 'out', 'short')" \
	"  UNION ALL" \
	"  SELECT json_build_object('labels', " INV_PAYLOAD_LABELS("a.kind") "," \
	"    'annotations', json_build_object('summary', format(" \
	"     '%s at %s: %s available', a.sku, a.location, a.available)," \
	"     'on_hand', a.on_hand::text, 'reserved', a.reserved::text," \
	"     'available', a.available::text)," \
	"    'startsAt', " INV_PAYLOAD_TIME("a.raised_at") "," \
	"    'endsAt', " INV_PAYLOAD_TIME("a.raised_at + interval '1 year'") ")" \
	"   WHERE a.kind IN ('low', 'out', 'short', 'test')) x)" \
	" END"

#define INV_PAYLOAD_COLUMNS \
	"e.url || CASE WHEN e.format = 'alertmanager'" \
	"  AND e.url NOT LIKE '%/api/v2/alerts' THEN '/api/v2/alerts'" \
	"  ELSE '' END," \
	" e.format, 'evt_' || a.event_id, " INV_PAYLOAD_BODY "," \
	" s.secrets, s.\"authorization\", coalesce(e.timeout_ms, 0)"

/* so many columns are these */
#define INV_PAYLOAD_NCOLUMNS 7

/*
 * inv_payload_send - sends what these columns of a row say, see webhook.h for
 * the answer and the owner
 */
extern bool inv_payload_send(const Datum *values, const bool *nulls,
							 void *owner);

/* inv_payload_check_secret - null, or what is wrong with it */
extern const char *inv_payload_check_secret(const char *secret);

/* inv_payload_make_secret - a new one, at random */
extern char *inv_payload_make_secret(void);

#endif							/* INV_PAYLOAD_H */
