--
-- Alerts: what is told when a level crosses a limit, by calls of every kind
--
CREATE SCHEMA alert;
CREATE EXTENSION inventory SCHEMA alert;
SET search_path = alert;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set alerts :srcdir '/sql/include/alerts.psql'
\set ECHO none
\i :helpers
\i :alerts
\set ECHO all
SHOW inventory.alert_margin;
SHOW inventory.alert_retention;
INSERT INTO inv_location (location) VALUES ('shop');
-- R: low at 10 and below, out at 2; recovered above 10 + 20 %
INSERT INTO inv_item (sku, safety_stock, reorder_point, target_level) VALUES ('R', 2, 10, 40);
-- P: a plain item; B: 5 may be sold beyond what is there
INSERT INTO inv_item (sku) VALUES ('P');
INSERT INTO inv_item (sku, backorder_limit, reorder_point) VALUES ('B', 5, 3);

-- the first goods of an item are no news, if there are enough
SELECT on_hand FROM inv_receive('R', 20);
SELECT on_hand FROM inv_receive('P', 1);
SELECT * FROM told();
-- down, one limit after the other; each once
SELECT on_hand FROM inv_deduct('R', 9);
SELECT * FROM told();
SELECT on_hand FROM inv_deduct('R', 1);
SELECT * FROM told();
SELECT on_hand FROM inv_deduct('R', 7);
SELECT * FROM told();
SELECT on_hand FROM inv_deduct('R', 1);
SELECT * FROM told();
SELECT status FROM inv_deduct('R', 1, strict => false);
SELECT * FROM told();
-- and up: out until it has recovered, for it may hover
SELECT on_hand FROM inv_receive('R', 8);
SELECT on_hand FROM inv_receive('R', 2);
SELECT on_hand FROM inv_deduct('R', 3);
SELECT on_hand FROM inv_receive('R', 3);
SELECT * FROM told();
SELECT on_hand FROM inv_receive('R', 1);
SELECT * FROM told();
-- a leap is one step
SELECT on_hand FROM inv_deduct('R', 11);
SELECT on_hand FROM inv_receive('R', 30);
SELECT * FROM told();
-- low stays low when it hovers
SELECT on_hand FROM inv_deduct('R', 22);
SELECT on_hand FROM inv_receive('R', 2);
SELECT on_hand FROM inv_deduct('R', 3);
SELECT on_hand FROM inv_receive('R', 20);
SELECT * FROM told();
-- without a reorder point there is only out; one unit more is not enough
SELECT on_hand FROM inv_deduct('P', 1);
SELECT on_hand FROM inv_receive('P', 1);
SELECT on_hand FROM inv_deduct('P', 1);
SELECT on_hand FROM inv_receive('P', 2);
SELECT * FROM told();
-- backorders: out when they are used up
SELECT on_hand FROM inv_receive('B', 4);
SELECT on_hand, backordered FROM inv_deduct('B', 8);
SELECT on_hand, backordered FROM inv_deduct('B', 1);
SELECT on_hand FROM inv_receive('B', 8);
SELECT on_hand FROM inv_receive('B', 2);
SELECT * FROM told();

-- a count: the shelf is right, and holds are no longer covered
SELECT state FROM inv_try('h1', '{P}', '{2}');
SELECT * FROM told();
SELECT on_hand, available FROM inv_adjust('P', 1);
SELECT * FROM told();
-- short is over when they are covered again, and then it is still out
SELECT on_hand FROM inv_receive('P', 1);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('P', 0);
SELECT on_hand FROM inv_receive('P', 3);
SELECT * FROM told();
SELECT on_hand FROM inv_receive('P', 1);
SELECT * FROM told();
-- where there is a reorder point, it is low that it gets to, or out
SELECT state FROM inv_try('h2', '{R}', '{25}');
SELECT on_hand FROM inv_adjust('R', 24);
SELECT on_hand FROM inv_adjust('R', 36);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('R', 20);
SELECT on_hand FROM inv_adjust('R', 27);
SELECT on_hand FROM inv_adjust('R', 5);
SELECT on_hand FROM inv_adjust('R', 31);
SELECT * FROM told();

-- holds: reserved counts as gone
SELECT state FROM inv_cancel('h2');
SELECT * FROM told();
SELECT state FROM inv_try('h3', '{R,B}', '{22,6}');
SELECT * FROM told();
-- what was reserved is sold: that changes no level
SELECT state FROM inv_confirm('h3', quantities => '{2,6}', release_rest => false);
SELECT * FROM told();
-- what is left over is given back
SELECT state FROM inv_confirm('h3', quantities => '{5,6}');
SELECT * FROM told();
-- by time, several holds at once: one alert
SELECT inv_try('h4', '{R}', '{10}') IS NOT NULL AS held, inv_try('h5', '{R}', '{14}') IS NOT NULL AS held;
SELECT * FROM told();
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_hold SET expires_at = expires_at - interval '1 hour' WHERE xid IN ('h4', 'h5');
COMMIT;
SELECT inv_expire_holds();
SELECT * FROM told();
-- one that must take its stock again
SELECT state FROM inv_try('h6', '{R}', '{20}', on_expiry => 'reacquire');
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_hold SET expires_at = expires_at - interval '1 hour' WHERE xid = 'h6';
COMMIT;
SELECT affected FROM inv_maintain() WHERE task = 'holds';
SELECT state FROM inv_confirm('h6');
SELECT * FROM told();

-- lines: all of a row together
SELECT state FROM inv_cancel('h1');
SELECT sku, on_hand FROM inv_adjust_many('{R,P}', '{30,10}');
SELECT * FROM told();
SELECT line, on_hand FROM inv_deduct_many('{R,P,R,P}', '{10,5,12,5}');
SELECT * FROM told();
SELECT line, on_hand FROM inv_receive_many('{R,P}', '{20,9}');
SELECT * FROM told();
-- refused: nothing, of no line
SELECT line, status FROM inv_deduct_many('{R,P}', '{20,99}', strict => false);
SELECT * FROM told();
-- line by line: several steps of one row are one alert, refused lines are none
SELECT line, status, on_hand FROM inv_deduct_each('{R,P,R,R}', '{18,99,8,3}');
SELECT * FROM told();
-- there and back in one call is none
SELECT line, status, on_hand FROM inv_apply('{"lines": [
  {"op": "deduct", "sku": "P", "quantity": 9}, {"op": "receive", "sku": "P", "quantity": 4}]}');
SELECT * FROM told();
-- a transfer: two rows
SELECT location, on_hand FROM inv_receive('P', 3, 'shop');
SELECT location, on_hand FROM inv_transfer('P', 3, 'shop', 'main');
SELECT location, on_hand FROM inv_transfer('P', 6, 'main', 'shop');
SELECT * FROM told();
-- a return
SELECT on_hand FROM inv_deduct('P', 6, 'shop', key => 'k');
SELECT on_hand FROM inv_return('k', 5);
SELECT * FROM told();
-- a repeated call has no effect
SELECT on_hand, replayed FROM inv_deduct('P', 6, 'shop', key => 'k');
SELECT * FROM told();
-- a bundle takes its components
INSERT INTO inv_item (sku) VALUES ('set');
INSERT INTO inv_bundle (sku, component_sku, quantity) VALUES ('set', 'P', 1), ('set', 'B', 2);
SELECT sku, on_hand FROM inv_adjust_many('{P,B}', '{10,10}');
SELECT count(*) FROM told();
SELECT status, available FROM inv_deduct('set', 4);
SELECT * FROM told();
-- where the engine chooses
SELECT location, on_hand FROM inv_deduct_many('{P}', '{10}', sources => '{shop,main}');
SELECT * FROM told();
-- goods for what is still ok are no news
SELECT count(*) FROM inv_receive('P', 20);
SELECT count(*) FROM told();

-- rolled back it never was
BEGIN;
SELECT on_hand FROM inv_adjust('P', 0);
SELECT alert FROM told();
ROLLBACK;
SELECT * FROM told();
-- a savepoint too; what is done instead counts
BEGIN;
SELECT on_hand FROM inv_deduct('P', 1);
SAVEPOINT s;
SELECT on_hand FROM inv_adjust('P', 0);
ROLLBACK TO s;
SELECT on_hand FROM inv_adjust('P', 0, 'shop');
SAVEPOINT t;
SELECT on_hand FROM inv_adjust('P', 0);
RELEASE t;
COMMIT;
SELECT * FROM told();
-- there and back in one transaction are two: each was true
BEGIN;
SELECT on_hand FROM inv_receive('P', 5);
SELECT on_hand FROM inv_deduct('P', 5);
COMMIT;
SELECT * FROM told();
SELECT * FROM astray;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA alert CASCADE;
