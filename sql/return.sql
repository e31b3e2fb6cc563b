--
-- inv_return: never more than the call took, over all returns
--
CREATE SCHEMA return;
CREATE EXTENSION inventory SCHEMA return;
SET search_path = return;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread'), ('OLD', 'Old');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT sku, on_hand FROM unnest('{A,B,OLD}'::text[]) s, LATERAL inv_receive(s, 100, key => 'in-' || s) o;
SELECT on_hand FROM inv_deduct('A', 10, reference => 'order-1', key => 'o1');
SELECT on_hand FROM inv_deduct('A', 10, key => 'o2');
SELECT on_hand FROM inv_deduct('OLD', 10, key => 'o3');
UPDATE inv_item SET active = false WHERE sku = 'OLD';

-- some of it, some more, the rest
SELECT :outcome FROM inv_return('o1', 3);
SELECT :outcome FROM inv_return('o1', 2, 'A', 'main', 'bruised', 'r1');
SELECT state() AS before \gset
SELECT refused($$SELECT inv_return('o1', 6)$$);
SELECT refused($$SELECT inv_return('o1', 6, 'A')$$);
SELECT state() = :'before' AS nothing_changed;
SELECT :outcome FROM inv_return('o1');
SELECT state() AS before \gset
SELECT refused($$SELECT inv_return('o1', 1)$$);
SELECT refused($$SELECT inv_return('o1')$$);
SELECT state() = :'before' AS nothing_changed;
-- all of it at once, to another place, of an item not sold any more
SELECT :outcome FROM inv_return('o2', location => 'shop');
SELECT :outcome FROM inv_return('o3');
SELECT refused($$SELECT inv_return('o2', 1, location => 'main')$$);
-- the ledger knows which call each gives back
SELECT r.location, r.kind, r.on_hand_delta, r.reserved_delta, r.version, r.reference, r.reason,
       r.key, o.key AS original, o.kind AS of_kind
  FROM inv_movement r LEFT JOIN inv_movement o ON o.movement_id = r.original_id
  WHERE r.kind = 'return' ORDER BY r.movement_id;
SELECT kind, count(*) FROM inv_movement WHERE original_id IS NOT NULL GROUP BY kind;

-- a return counts once it is committed; what is rolled back can be given back
SELECT on_hand FROM inv_deduct('B', 5, key => 'o4');
BEGIN;
SELECT on_hand FROM inv_return('o4', 4);
SAVEPOINT s;
SELECT on_hand FROM inv_return('o4', 1);
SELECT refused($$SELECT inv_return('o4', 1)$$, true);
ROLLBACK TO s;
SELECT on_hand FROM inv_return('o4', 1);
ROLLBACK;
SELECT on_hand FROM inv_return('o4', 5);
SELECT refused($$SELECT inv_return('o4', 1)$$, true);
-- a return beside its own deduct, in one transaction and in one statement
BEGIN;
SELECT on_hand FROM inv_deduct('B', 7, key => 'o5');
SELECT on_hand FROM inv_return('o5', 3);
COMMIT;
SELECT on_hand FROM inv_return('o5', 4);
SELECT d.on_hand, r.on_hand FROM inv_deduct('B', 2, key => 'o6') d, inv_return('o6', 1) r;
SELECT x.on_hand, y.on_hand FROM inv_deduct('B', 2, key => 'o7') d, inv_return('o7', 1) x, inv_return('o7', 1) y;
SELECT count(o.status) FROM generate_series(1, 3) g, LATERAL inv_return('o7', 1, reason => g::text) o;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT on_hand FROM inv_return('o6', 1);
SELECT refused($$SELECT inv_return('o6', 1)$$, true);
COMMIT;
-- a replay of the deduct gives nothing to give back
SELECT on_hand, replayed FROM inv_deduct('B', 2, key => 'o6');
SELECT refused($$SELECT inv_return('o6', 1)$$, true);
-- a keyed return is given once; its replay is not looked at against what is left
SELECT on_hand FROM inv_deduct('B', 5, key => 'o8');
SELECT :outcome FROM inv_return('o8', 4, key => 'r8');
SELECT :outcome FROM inv_return('o8', 4, key => 'r8');
SELECT on_hand FROM inv_return('o8', key => 'rest');
SELECT on_hand, replayed FROM inv_return('o8', key => 'rest');
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'B';

-- no such call, and calls that took nothing
SELECT status FROM inv_deduct('B', 9999, key => 'refused', strict => false);
SELECT status FROM inv_adjust('B', 50, key => 'counted');
SELECT status FROM inv_transfer('B', 1, 'main', 'shop', key => 'moved');
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_return('never')$$);
SELECT refused($$SELECT inv_return('never', 1, 'A')$$);
SELECT refused($$SELECT inv_return('o1', 1, 'B')$$);
SELECT refused($$SELECT inv_return('o1', sku => 'b')$$, true);
SELECT refused($$SELECT inv_return('refused', 1)$$);
SELECT 'of a receipt: ' || refused($$SELECT inv_return('in-A', 1)$$, true);
SELECT 'of a return: ' || refused($$SELECT inv_return('r8', 1)$$, true);
SELECT 'of a count: ' || refused($$SELECT inv_return('counted', 1)$$, true);
SELECT 'of a transfer: ' || refused($$SELECT inv_return('moved', 1)$$, true);
-- bad arguments
SELECT refused($$SELECT inv_return(NULL)$$);
SELECT refused(format($$SELECT inv_return('o1', %s)$$, quantity))
  FROM unnest('{0,-1,9007199254740992}'::bigint[]) quantity;
SELECT left(refused(format($$SELECT inv_return(%L)$$, repeat('x', 256))), 120);
SELECT left(refused(format($$SELECT inv_return('o1', 1, %L)$$, repeat('x', 129))), 120);
SELECT left(refused(format($$SELECT inv_return('o1', reason => %L)$$, repeat('x', 1001))), 120);
BEGIN READ ONLY;
SELECT refused($$SELECT inv_return('o8', 1)$$);
COMMIT;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- to a location that is not there; the return is still to come
SELECT on_hand FROM inv_deduct('A', 3, key => 'o9');
SELECT refused($$SELECT inv_return('o9', 1, location => 'x')$$);
SELECT on_hand FROM inv_return('o9', 3);
-- units sold on backorder come back like others
UPDATE inv_item SET backorder_limit = 100 WHERE sku = 'B';
SELECT on_hand, backordered FROM inv_deduct('B', 80, key => 'bo');
SELECT :outcome FROM inv_return('bo', 70);
SELECT :outcome FROM inv_return('bo');
-- not beyond the range of quantities
SELECT on_hand FROM inv_deduct('A', 50, key => 'o10');
BEGIN;
SELECT status FROM inv_adjust('A', 9007199254740990);
SELECT refused($$SELECT inv_return('o10', 2)$$, true);
SELECT on_hand FROM inv_return('o10', 1);
ROLLBACK;
-- in many small parts, over several leaves
SET inventory.leaf_size = 10;
SELECT count(o.status) FROM generate_series(1, 50) g, LATERAL inv_return('o10', 1, reason => g::text) o;
SELECT refused($$SELECT inv_return('o10', 1)$$, true);
RESET inventory.leaf_size;
SELECT count(*), sum(r.on_hand_delta) FROM inv_movement r JOIN inv_movement o
    ON o.movement_id = r.original_id WHERE o.key = 'o10';

-- the call in another leaf than what gives it back
SELECT on_hand FROM inv_deduct('B', 4, key => 'forgotten');
SET inventory.leaf_size = 10;
SELECT count(*) FROM generate_series(1, 30) g, LATERAL inv_receive('B', 1, reference => g::text) o;
RESET inventory.leaf_size;
SELECT quantity FROM inv_return('forgotten', 3);
SELECT refused($$SELECT inv_return('forgotten', 2)$$);

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA return CASCADE;
