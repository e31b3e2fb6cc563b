--
-- What an alert says, who has seen it, and how long it is kept
--
CREATE SCHEMA alert_log;
CREATE EXTENSION inventory SCHEMA alert_log;
SET search_path = alert_log;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set alerts :srcdir '/sql/include/alerts.psql'
\set ECHO none
\i :helpers
\i :alerts
\set ECHO all
-- the shapes
SELECT a.attrelid::regclass AS relation, a.attnum, a.attname, a.atttypid::regtype, a.attnotnull
  FROM pg_attribute a WHERE a.attrelid IN ('inv_alert'::regclass, 'inv_open_alerts'::regclass,
    'inv_alert_log'::regclass) AND a.attnum > 0
  ORDER BY a.attrelid::regclass::text, a.attnum;
SELECT indexdef FROM pg_indexes WHERE tablename = 'inv_alert' AND schemaname = 'alert_log' ORDER BY indexname;
SELECT refused('SET inventory.alert_margin = 0', true), refused('SET inventory.alert_retention = 0', true);

INSERT INTO inv_item (sku, reorder_point, target_level) VALUES ('A', 10, 50), ('B', NULL, NULL);
SELECT sku, on_hand FROM inv_receive_many('{A,B}', '{20,5}');
SELECT * FROM inv_open_alerts;
BEGIN;
SET LOCAL inventory.actor = 'Ann at the till';
SELECT on_hand FROM inv_deduct('A', 12);
SELECT a.actor, a.txid = pg_current_xact_id() AS ours, a.raised_at BETWEEN now() AND clock_timestamp() AS now,
       a.event_id IS NOT NULL AS named, a.pending, a.acknowledged_at, a.acknowledged_by,
       a.stock_id = s.stock_id AS row, a.kind, a.previous, a.on_hand, a.reserved, a.available, a.threshold,
       a.reorder_point, a.target_level
  FROM inv_alert a JOIN inv_stock s USING (sku, location);
COMMIT;
SELECT on_hand FROM inv_deduct('B', 5);
SELECT actor = session_user AS user, kind, reorder_point, target_level FROM inv_alert_log WHERE sku = 'B';
SELECT count(DISTINCT event_id) FROM inv_alert;

-- open ones show what is there now; who has seen one says so, once
SELECT kind, sku, location, on_hand, reserved, available, threshold, age BETWEEN '0' AND '1 minute' AS young,
       acknowledged_at, acknowledged_by FROM inv_open_alerts ORDER BY alert_id;
SELECT on_hand FROM inv_deduct('A', 1);
SELECT state FROM inv_try('h', '{A}', '{2}');
SELECT kind, sku, on_hand, reserved, available, threshold FROM inv_open_alerts ORDER BY alert_id;
SELECT on_hand, reserved, available FROM inv_alert_log WHERE sku = 'A';
SELECT alert_id AS a FROM inv_open_alerts WHERE sku = 'A' \gset
SELECT alert_id AS b FROM inv_open_alerts WHERE sku = 'B' \gset
SET inventory.actor = 'Bob';
SELECT inv_acknowledge(:a);
SELECT inv_acknowledge(:a);
RESET inventory.actor;
SELECT inv_acknowledge(:a);
SELECT sku, acknowledged_at BETWEEN raised_at AND clock_timestamp() AS acknowledged, acknowledged_by
  FROM inv_open_alerts ORDER BY alert_id;
-- the next state is another alert, which nobody has seen
SELECT on_hand FROM inv_deduct('A', 5);
SELECT kind, acknowledged_by FROM inv_open_alerts WHERE sku = 'A';
SELECT kind, acknowledged_by FROM inv_alert_log WHERE sku = 'A' ORDER BY alert_id;
-- what is closed nobody need see
SELECT on_hand FROM inv_receive('B', 9);
SELECT kind, sku FROM inv_open_alerts ORDER BY alert_id;
SELECT inv_acknowledge(:b), inv_acknowledge(max(alert_id)) AS recovered FROM inv_alert WHERE sku = 'B';
SELECT count(*) FROM inv_alert WHERE acknowledged_at IS NOT NULL;
-- rolled back nobody has
SELECT max(alert_id) AS a FROM inv_open_alerts \gset
BEGIN;
SELECT inv_acknowledge(:a);
ROLLBACK;
SELECT inv_acknowledge(:a);
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_acknowledge(999999)');
SELECT refused('SELECT inv_acknowledge(0)');
SELECT refused('SELECT inv_acknowledge(NULL)');
BEGIN READ ONLY;
SELECT refused('SELECT inv_acknowledge(1)');
COMMIT;
\pset tuples_only off
\pset format aligned

-- kept while it is open, or not told yet, and long enough afterwards
SELECT affected FROM inv_maintain() WHERE task = 'alerts';
UPDATE inv_alert SET raised_at = raised_at - interval '2159 hours';
UPDATE inv_alert SET pending = false;
SELECT affected FROM inv_maintain() WHERE task = 'alerts';
UPDATE inv_alert SET raised_at = raised_at - interval '2 hours', pending = sku = 'B' AND kind = 'out';
SELECT sku, kind, pending FROM inv_alert ORDER BY alert_id;
SELECT affected FROM inv_maintain() WHERE task = 'alerts';
SELECT sku, kind, pending FROM inv_alert ORDER BY alert_id;
SELECT kind, sku FROM inv_open_alerts ORDER BY alert_id;
UPDATE inv_alert SET pending = false;
SELECT affected FROM inv_maintain() WHERE task = 'alerts';
SELECT sku, kind, pending FROM inv_alert ORDER BY alert_id;
SELECT on_hand FROM inv_receive('A', 20);
SELECT affected FROM inv_maintain() WHERE task = 'alerts';
SELECT sku, kind, previous, pending FROM inv_alert ORDER BY alert_id;

-- a clerk may say that he has seen one, a reader may look; nobody else
CREATE ROLE regress_inv_watch;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;
SELECT on_hand FROM inv_adjust('B', 0);
SELECT max(alert_id) AS b FROM inv_open_alerts \gset
GRANT USAGE ON SCHEMA alert_log TO regress_inv_watch;
SET ROLE regress_inv_watch;
SELECT refused('SELECT * FROM inv_open_alerts', true), refused('SELECT * FROM inv_alert_log', true),
       refused('SELECT inv_acknowledge(1)', true), refused('SELECT * FROM inv_alert', true);
RESET ROLE;
SELECT inv_grant('regress_inv_watch', 'reader');
SET ROLE regress_inv_watch;
SELECT kind, sku FROM inv_open_alerts ORDER BY alert_id;
SELECT count(*) > 0 AS some FROM inv_alert_log;
SELECT refused('SELECT inv_acknowledge(1)', true), refused('SELECT * FROM inv_alert', true);
RESET ROLE;
SELECT inv_grant('regress_inv_watch', 'clerk');
SET ROLE regress_inv_watch;
SELECT inv_acknowledge(:b);
SELECT refused('SELECT * FROM inv_alert', true), refused('UPDATE inv_alert SET pending = false', true),
       refused('INSERT INTO inv_alert (kind) VALUES (''low'')', true), refused('DELETE FROM inv_alert', true);
-- and what he does raises alerts, with no right on the table
SELECT on_hand FROM inv_receive('B', 5);
RESET ROLE;
SELECT kind, actor = session_user AS session_s FROM inv_alert_log ORDER BY alert_id DESC LIMIT 1;

SELECT * FROM astray;
SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA alert_log CASCADE;
DROP ROLE regress_inv_watch;
