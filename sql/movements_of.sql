--
-- inv_movements_of: what one reference moved, the oldest first
--
CREATE SCHEMA movements_of;
CREATE EXTENSION inventory SCHEMA movements_of;
SET search_path = movements_of;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread'), ('K', 'Basket');
INSERT INTO inv_bundle (sku, component_sku, quantity) VALUES ('K', 'A', 2), ('K', 'B', 1);
INSERT INTO inv_location (location) VALUES ('shop');
\set moves 'kind, sku, location, on_hand_delta, reserved_delta, version, reference, reason, key'
-- before there is anything
SELECT count(*) FROM inv_movements_of('order-1');
SELECT count(*) FROM inv_receive_many('{A,B,A}', '{50,50,50}', '{main,main,shop}', 'truck-1');
SELECT count(*) FROM inv_deduct_many('{B,A}', '{2,1}', reference => 'order-1', key => 'k1');
SELECT count(*) FROM inv_deduct('A', 1, 'shop', 'order-2');
SELECT count(*) FROM inv_deduct('A', 1, reference => 'order-1', reason => 'forgotten');
SELECT count(*) FROM inv_deduct('A', 1);
SELECT count(*) FROM inv_deduct_each('{B,A,K}', '{1,1,3}', line_references => '{order-2,order-1,order-1}', keys => '{NULL,k2,NULL}');
SELECT count(*) FROM inv_transfer('A', 5, 'main', 'shop', 'order-1');
SELECT count(*) FROM inv_apply('{"reference":"order-1","reason":"mixed","lines":[
  {"op":"receive","sku":"B","quantity":4},{"op":"adjust","sku":"A","counted":7,"location":"shop"}]}');
SELECT count(*) FROM inv_return('k1', 1, 'B');
-- all of one reference, whatever moved it; a return has that of its call
SELECT :moves FROM inv_movements_of('order-1');
SELECT :moves FROM inv_movements_of('order-2');
SELECT :moves FROM inv_movements_of('truck-1') ORDER BY sku, location;
-- the same rows as in the ledger, every column
SELECT count(*) FROM (SELECT * FROM inv_movements_of('order-1') EXCEPT ALL
  SELECT * FROM inv_movement WHERE reference = 'order-1') x;
-- a reference is compared byte by byte, and whole
SELECT r, (SELECT count(*) FROM inv_movements_of(r)) FROM unnest('{order,Order-1,"order-1 "," order-1",order-%,order-11,""}'::text[]) r;
SELECT count(*) FROM inv_deduct('A', 1, reference => '');
SELECT count(*) FROM inv_movements_of('');
SELECT count(*) FROM inv_deduct('A', 1, reference => repeat('ü', 127));
SELECT count(*) FROM inv_movements_of(repeat('ü', 127));
-- what is refused or rolled back moved nothing
SELECT status FROM inv_deduct('A', 9999, reference => 'order-3', strict => false);
BEGIN;
SELECT status FROM inv_deduct('A', 1, reference => 'order-3');
SELECT kind, on_hand_delta FROM inv_movements_of('order-3');
ROLLBACK;
SELECT count(*) FROM inv_movements_of('order-3');
-- over many leaves of the ledger, the oldest first
SET inventory.leaf_size = 10;
SELECT count(o.status) FROM generate_series(1, 30) g, LATERAL inv_receive('B', g, reference => CASE WHEN g % 3 = 0 THEN 'many' END) o;
SELECT count(o.status) FROM generate_series(1, 30) g, LATERAL inv_receive('A', g, reference => 'many') o;
RESET inventory.leaf_size;
SELECT count(*), sum(on_hand_delta), bool_and(coalesce(before < movement_id, true)) AS ascending
  FROM (SELECT *, lag(movement_id) OVER () AS before FROM inv_movements_of('many')) m;
-- as a table: a limit, a filter, a join
SELECT kind, sku, on_hand_delta FROM inv_movements_of('many') LIMIT 2;
SELECT sku, count(*) FROM inv_movements_of('many') GROUP BY sku ORDER BY sku;
SELECT r.r, m.sku, sum(m.on_hand_delta) FROM unnest('{order-2,many}'::text[]) r, LATERAL inv_movements_of(r.r) m GROUP BY 1, 2 ORDER BY 1, 2;
-- in a read-only transaction
BEGIN READ ONLY;
SELECT count(*) FROM inv_movements_of('order-2');
COMMIT;
-- bad arguments
SELECT refused($$SELECT * FROM inv_movements_of(NULL)$$);
SELECT refused($$SELECT * FROM inv_movements_of(repeat('x', 256))$$);

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA movements_of CASCADE;
