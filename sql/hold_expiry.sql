--
-- Holds whose time is over, and what is remembered of those that are decided
--
CREATE SCHEMA hold_expiry;
CREATE EXTENSION inventory SCHEMA hold_expiry;
SET search_path = hold_expiry;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set holds :srcdir '/sql/include/holds.psql'
\set ECHO none
\i :helpers
\i :holds
\set ECHO all

\pset format unaligned
\pset tuples_only on
\pset null -
INSERT INTO inv_item (sku, name, unit_price, currency) VALUES ('A', 'Apple', 1.50, 'EUR'), ('B', 'Bread', 2.25, 'EUR'),
  ('D', 'Date', 7, 'USD'), ('X', 'No price', NULL, NULL);
SELECT count(*) FROM inv_receive_many('{A,B,D,X}', '{1000,1000,1000,1000}');
SELECT up_to_date();

-- nothing to expire
SELECT inv_expire_holds();
SELECT status, state FROM inv_try('fresh', '{A}', '{1}');
SELECT inv_expire_holds();
SELECT news();

-- the oldest first, so many at a time: h1 expired an hour ago, h5 five hours ago
SELECT o.status, o.state FROM generate_series(1, 5) g, LATERAL inv_try('h' || g, '{A,B}', '{1,2}', ttl_seconds => 60) o;
CALL make_older('h1', '1 hour');
CALL make_older('h2', '2 hours');
CALL make_older('h3', '3 hours');
CALL make_older('h4', '4 hours');
CALL make_older('h5', '5 hours');
SELECT xid, state FROM inv_hold ORDER BY xid;
SELECT inv_expire_holds(2);
SELECT xid, state, expires_at < clock_timestamp() AS over, decided_at IS NOT NULL AS decided FROM inv_hold ORDER BY xid;
SELECT count(*), sum(reserved_delta), count(DISTINCT hold) FROM inv_movement WHERE kind = 'release';
SELECT inv_expire_holds(max_holds => 1);
SELECT inv_expire_holds(2);
SELECT inv_expire_holds(2);
SELECT kind, sku, on_hand_delta, reserved_delta, hold FROM inv_movement WHERE kind = 'release' ORDER BY movement_id;
SELECT xid, state FROM inv_hold ORDER BY xid;
-- swept: try, confirm and extend say that it has expired, cancel is done
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_try('h1', '{A,B}', '{1,2}', ttl_seconds => 60)$$);
SELECT refused($$SELECT inv_try('h1', '{A}', '{1}', strict => false)$$, true);
SELECT refused($$SELECT inv_confirm('h1')$$);
SELECT refused($$SELECT inv_extend('h1', 60)$$);
SELECT everything() = :'before' AS nothing_changed;
SELECT up_to_date();
SELECT :answer FROM inv_cancel('h1');
SELECT :answer FROM inv_cancel('h1');
SELECT refused($$SELECT inv_confirm('h1')$$, true);
SELECT news();

-- extended in time, it is not swept; confirmed in part, the rest is
SELECT status, state FROM inv_try('e1', '{A}', '{4}', ttl_seconds => 60);
CALL make_older('e1', '30 seconds');
SELECT :answer FROM inv_extend('e1', 300);
CALL make_older('e1', '2 minutes');
SELECT inv_expire_holds();
SELECT :answer FROM inv_confirm('e1', quantities => '{1}', release_rest => false);
CALL make_older('e1', '5 minutes');
SELECT refused($$SELECT inv_confirm('e1')$$, true);
SELECT inv_expire_holds();
SELECT news();
SELECT state FROM inv_hold WHERE xid = 'e1';
SELECT refused($$SELECT inv_confirm('e1', quantities => '{1}')$$, true);

-- keep: never by itself; it is overdue, can be confirmed, extended, cancelled
SELECT o.status, o.state FROM generate_series(1, 3) g, LATERAL inv_try('k' || g, '{A}', '{2}', on_expiry => 'keep') o;
CALL make_older('k1', '10 days');
CALL make_older('k2', '1 hour');
CALL make_older('k3', '1 hour');
SELECT inv_expire_holds();
SELECT xid, on_expiry, overdue, minutes(expires_at) FROM inv_open_holds ORDER BY xid;
SELECT :answer FROM inv_try('k1', '{A}', '{2}', on_expiry => 'keep');
SELECT :answer FROM inv_confirm('k1');
SELECT :answer FROM inv_extend('k2', 600);
SELECT overdue FROM inv_open_holds WHERE xid = 'k2';
SELECT :answer FROM inv_confirm('k2', quantities => '{1}', release_rest => false);
SELECT :answer FROM inv_cancel('k2');
SELECT :answer FROM inv_cancel('k3');
SELECT news();

-- reacquire: past its time but held it is like any; extend may only be too late
SELECT o.status, o.state FROM generate_series(1, 3) g, LATERAL inv_try('r' || g, '{A,D}', '{2,1}', on_expiry => 'reacquire') o;
CALL make_older('r1', '1 hour');
CALL make_older('r2', '2 hours');
SELECT :answer FROM inv_extend('r2', 600);
SELECT inv_expire_holds();
SELECT news();
SELECT xid, state, overdue, lines, units FROM inv_open_holds ORDER BY xid;
SELECT refused($$SELECT inv_extend('r1', 600)$$);
-- what it would take again is kept with it, and not found where stock is looked for
SELECT sku, quantity, held FROM inv_hold_line WHERE hold_id = (SELECT hold_id FROM inv_hold WHERE xid = 'r1') ORDER BY position;
SELECT inv_expire_holds();
SELECT :answer FROM inv_confirm('r1', quantities => '{1,1}');
SELECT news();
SELECT :answer FROM inv_confirm('r2', quantities => '{2,0}', release_rest => false);
SELECT :answer FROM inv_cancel('r2');
SELECT status, state FROM inv_confirm('r3');
SELECT news();

-- the view: lines, units, value; what has no price has none in sum, nor have two currencies
SELECT xid, lines, units, value, currency FROM inv_open_holds ORDER BY xid;
SELECT count(o.status) FROM (VALUES ('v1', '{A,B}'::text[], '{2,3}'::bigint[]), ('v2', '{A,D}', '{1,1}'), ('v3', '{A,X}', '{1,1}'),
  ('v4', '{X}', '{1}'), ('v5', '{D,D}', '{1,2}'), ('v6', '{A,B}', '{9007199254740,1}')) v(xid, skus, quantities),
  LATERAL inv_try(v.xid, v.skus, v.quantities, branch => 'b', ttl_seconds => 3600, on_expiry => 'keep', reference => 'order ' || v.xid, strict => false) o;
SELECT xid, branch, state, on_expiry, owner = session_user AS session_s, reference, minutes(created_at + '1 hour'), age BETWEEN '0' AND '1 minute' AS young,
  minutes(expires_at), overdue, lines, units, value, currency FROM inv_open_holds WHERE xid LIKE 'v%' ORDER BY xid;
SELECT state FROM inv_hold WHERE xid = 'v6';
UPDATE inv_item SET unit_price = 10 WHERE sku = 'A';
SELECT status, state FROM inv_confirm('v1', 'b', '{1,0}', false);
CALL make_older('v1', '2 hours');
SELECT xid, age >= '2 hours' AS old, overdue, lines, units, value, currency FROM inv_open_holds WHERE xid IN ('v1', 'v2') ORDER BY xid;
-- whose it is and how old does not change with it
SET inventory.actor = 'another';
SELECT status FROM inv_extend('v1', 60, 'b');
RESET inventory.actor;
SELECT owner = session_user AS session_s, age >= '2 hours' AS old, overdue FROM inv_open_holds WHERE xid = 'v1';
UPDATE inv_item SET currency = NULL WHERE sku = 'A';
SELECT xid, value, currency FROM inv_open_holds WHERE xid IN ('v1', 'v5') ORDER BY xid;
UPDATE inv_item SET currency = 'EUR' WHERE sku = 'A';
SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'hold_expiry' AND table_name = 'inv_open_holds' ORDER BY ordinal_position;

-- inv_maintain expires them, too, and forgets what was decided long ago
SHOW inventory.hold_retention;
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
SELECT o.state FROM generate_series(1, 3) g, LATERAL inv_try('m' || g, '{A}', '{1}') o;
CALL make_older('m1', '1 hour');
CALL make_older('m2', '1 hour');
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
SELECT xid, state FROM inv_hold WHERE xid LIKE 'm_' ORDER BY xid;
-- every kind of tombstone: confirmed, cancelled, an empty rollback, expired, refused
SELECT c.state, x.state, n.state FROM inv_try('c1', '{A}', '{1}') c, inv_try('x1', '{A}', '{1}') x, inv_try('n1', '{A}', '{1000000}', strict => false) n;
SELECT c.state, x.state, z.state FROM inv_confirm('c1') c, inv_cancel('x1') x, inv_cancel('z1') z;
SELECT xid, state FROM inv_hold WHERE xid IN ('c1', 'x1', 'n1', 'z1') ORDER BY xid;
CALL make_older('c1', '6 days 23 hours 59 minutes');
CALL make_older('x1', '6 days 23 hours 59 minutes');
CALL make_older('z1', '6 days 23 hours 59 minutes');
CALL make_older('n1', '6 days 23 hours 59 minutes');
CALL make_older('m1', '6 days 23 hours 59 minutes');
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
SELECT refused($$SELECT inv_try('z1', '{A}', '{1}')$$, true), refused($$SELECT inv_cancel('c1')$$, true);
SELECT :answer FROM inv_cancel('x1');
-- a replay does not make them younger
CALL make_older('c1', '2 minutes');
CALL make_older('x1', '2 minutes');
CALL make_older('z1', '2 minutes');
CALL make_older('n1', '2 minutes');
CALL make_older('m1', '2 minutes');
-- what is not decided stays, as old as it may be
CALL make_older('v2', '100 days');
CALL make_older('fresh', '1 second');
SELECT status, state FROM inv_try('re', '{A}', '{1}', on_expiry => 'reacquire');
CALL make_older('re', '1 hour');
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
SELECT xid, state FROM inv_hold WHERE xid IN ('c1', 'x1', 'n1', 'z1', 'm1', 'm3', 'v2', 'fresh', 're') ORDER BY xid;
-- forgotten: as if it had never been
SELECT refused($$SELECT inv_confirm('c1')$$, true);
SELECT :answer FROM inv_try('z1', '{A}', '{1}');
SELECT status, state, replayed FROM inv_cancel('x1');
-- in a transaction that is rolled back nothing was forgotten, nor expired
CALL make_older('x1', '8 days');
CALL make_older('m3', '1 hour');
SELECT everything() AS before \gset
BEGIN;
SELECT task, affected FROM inv_maintain() WHERE task LIKE 'hold%' ORDER BY task COLLATE "C";
ROLLBACK;
SELECT everything() = :'before' AS nothing_changed;
-- in one call no more than so many
SELECT count(o.state) FROM generate_series(1, 300) g, LATERAL inv_try('many', '{X}', '{1}', branch => g::text) o;
CALL make_older('many', '1 day');
SELECT inv_expire_holds(100), inv_expire_holds(150);
SELECT state, count(*) FROM inv_hold WHERE xid = 'many' GROUP BY state ORDER BY state;
SELECT reserved FROM inv_stock_level WHERE sku = 'X';
SELECT affected FROM inv_maintain() WHERE task = 'holds';
SELECT reserved FROM inv_stock_level WHERE sku = 'X';
SELECT refused('SET inventory.hold_retention = ''1s''', true);
-- a line of a hold that stock knows nothing of, and stock of which no hold knows
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_hold_line SET held = held + 1 WHERE sku = 'D' AND hold_id = (SELECT hold_id FROM inv_hold WHERE xid = 'v2');
UPDATE inv_stock SET reserved = reserved + 1 WHERE sku = 'B';
SELECT sku, location, problem, found - expected AS too_many FROM inv_verify() ORDER BY 1, 2, 3;
ROLLBACK;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA hold_expiry CASCADE;
