--
-- inv_transfer: from one location to another, or not at all
--
CREATE SCHEMA transfer;
CREATE EXTENSION inventory SCHEMA transfer;
SET search_path = transfer;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, safety_stock, backorder_limit, active) VALUES
  ('A', 'Apple', 0, 0, true), ('S', 'Salt', 3, 0, true), ('B', 'Bread', 0, 4, true),
  ('OLD', 'Old', 0, 0, true), ('N', 'New', 0, 0, true);
INSERT INTO inv_location (location, sellable) VALUES ('shop', true), ('attic', false);
SELECT sku, on_hand FROM unnest('{A,S,B,OLD}'::text[]) s, LATERAL inv_receive(s, 10) o;
UPDATE inv_item SET active = false WHERE sku = 'OLD';

-- two rows: from, to. The second stock row is made by the first transfer
SELECT :outcome FROM inv_transfer('A', 4, 'main', 'shop');
SELECT :outcome FROM inv_transfer('A', 1, 'shop', 'main', 'truck-7', 'too many');
SELECT :outcome FROM inv_transfer('A', 1, NULL, 'shop');
SELECT :outcome FROM inv_transfer('A', 2, 'shop', NULL, strict => false);
SELECT :outcome FROM inv_transfer('A', 8, 'main', 'attic');
SELECT kind, location, on_hand_delta, reserved_delta, version, reference, reason
  FROM inv_movement WHERE kind = 'transfer' ORDER BY location, version;
SELECT location, on_hand, version FROM inv_stock_level WHERE sku = 'A' ORDER BY location;
-- both ends of one transfer have its transaction and actor
SELECT count(*) AS rows, count(DISTINCT (txid, actor)) AS events
  FROM inv_movement WHERE reference = 'truck-7';
-- the floor holds where they come from; backorders may be transferred like sold
SELECT :outcome FROM inv_transfer('S', 8, 'main', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('S', 7, 'main', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('B', 15, 'main', 'shop', strict => false);
SELECT status, location, on_hand, available FROM inv_transfer('B', 14, 'main', 'shop', strict => false);
-- what is not sold any more may still be moved
SELECT :outcome FROM inv_transfer('OLD', 3, 'main', 'shop');

-- refused: neither end changes, no row is made
SELECT state() AS before \gset
SELECT :outcome FROM inv_transfer('A', 9, 'main', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('N', 1, 'main', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('none', 1, 'main', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('A', 1, 'x', 'shop', strict => false);
SELECT :outcome FROM inv_transfer('A', 1, 'main', 'x', strict => false);
SELECT :outcome FROM inv_transfer('A', 1, 'x', 'y', strict => false);
SELECT :outcome FROM inv_transfer('A', 99, 'main', 'x', strict => false);
SELECT :outcome FROM inv_transfer('none', 1, 'x', 'y', strict => false);
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_transfer('A', 9, 'main', 'shop')$$);
SELECT refused($$SELECT inv_transfer('N', 1, 'main', 'shop')$$);
SELECT refused($$SELECT inv_transfer('none', 1, 'main', 'shop')$$);
SELECT refused($$SELECT inv_transfer('A', 1, 'x', 'shop')$$);
SELECT refused($$SELECT inv_transfer('A', 1, 'main', 'x')$$);
SELECT refused($$SELECT inv_transfer('A', 99, 'main', 'x')$$);
-- to where it comes from
SELECT refused(format($$SELECT inv_transfer('A', 1, %s, strict => %L)$$, ends, strict))
  FROM unnest('{true,false}'::boolean[]) strict,
       unnest('{"''main'', ''main''", "NULL, ''main''", "''main'', NULL", "NULL, NULL"}'::text[]) ends;
SELECT refused($$SELECT inv_transfer('A', 1, 'x', 'x')$$, true);
-- bad arguments
SELECT refused($$SELECT inv_transfer(NULL, 1, 'main', 'shop', strict => false)$$);
SELECT refused(format($$SELECT inv_transfer('A', %L, 'main', 'shop', strict => false)$$, quantity))
  FROM unnest('{NULL,0,-1,9007199254740992}'::bigint[]) quantity;
SELECT refused($$SELECT inv_transfer('A', 1, 'main', 'shop', strict => NULL)$$);
SELECT left(refused(format($$SELECT inv_transfer('A', 1, %L, 'shop')$$, repeat('x', 129))), 120);
SELECT left(refused(format($$SELECT inv_transfer('A', 1, 'main', %L)$$, repeat('x', 129))), 120);
SELECT left(refused(format($$SELECT inv_transfer('A', 1, 'main', 'shop', %L)$$, repeat('x', 256))), 120);
BEGIN READ ONLY;
SELECT refused($$SELECT inv_transfer('A', 1, 'main', 'shop')$$);
COMMIT;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;
SELECT count(*) AS rows FROM inv_stock WHERE sku = 'N';
-- more than the other end can hold
BEGIN;
SELECT on_hand FROM inv_adjust('A', 9007199254740990, 'shop');
SELECT refused($$SELECT inv_transfer('A', 2, 'attic', 'shop')$$, true);
SELECT status, on_hand FROM inv_transfer('A', 1, 'attic', 'shop');
SELECT refused($$SELECT inv_transfer('A', 1, 'attic', 'shop')$$, true);
SELECT status, on_hand FROM inv_transfer('A', 1, 'shop', 'attic');
ROLLBACK;

-- exactly all
SELECT :outcome FROM inv_transfer('A', 8, 'attic', 'main');
-- in a circle, in one statement, and rolled back
SELECT count(*), bool_and(o.status = 'ok') FROM
  (VALUES (1, 'main', 'shop'), (2, 'shop', 'attic'), (3, 'attic', 'main')) v(n, f, t),
  LATERAL inv_transfer('A', 2, f, t) o;
BEGIN;
SELECT count(*) FROM inv_transfer('A', 5, 'main', 'shop', key => 'gone');
ROLLBACK;
SELECT location, on_hand, version FROM inv_stock_level WHERE sku = 'A' ORDER BY location;
-- all that came is all that is there
SELECT sum(on_hand) AS there, (SELECT sum(on_hand_delta) FROM inv_movement
    WHERE kind = 'receive' AND sku = 'A') AS came FROM inv_stock WHERE sku = 'A';
-- the default location is the setting's, at both ends
SET inventory.default_location = 'shop';
SELECT line, status, location, on_hand FROM inv_transfer('A', 1, 'main', NULL);
SELECT line, status, location, on_hand FROM inv_transfer('A', 1, NULL, 'main');
RESET inventory.default_location;
-- main is made by a transfer to it
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA transfer;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 1, 'shop');
SELECT :outcome FROM inv_transfer('A', 1, 'shop', NULL);

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA transfer CASCADE;
