--
-- inv_deduct: every way to be refused, raised and as a status
--
CREATE SCHEMA refusal;
CREATE EXTENSION inventory SCHEMA refusal;
SET search_path = refusal;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, active) VALUES
  ('A', 'Apple', true), ('OLD', 'Old', true), ('Blue Pen', 'Pen', true),
  ('bare', 'No stock', true), ('dead', 'No stock, not sold', false),
  ('x', 'small', true), ('X', 'large', true);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 2);
SELECT on_hand FROM inv_receive('OLD', 2);
SELECT on_hand FROM inv_receive('Blue Pen', 2);
UPDATE inv_item SET active = false WHERE sku = 'OLD';
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on

-- not enough
SELECT refused($$SELECT inv_deduct('A', 5)$$);
SELECT refused($$SELECT inv_deduct('A', 3, 'main')$$);
SELECT refused($$SELECT inv_deduct('A', 1, 'shop')$$);
SELECT refused($$SELECT inv_deduct('bare', 1)$$);
SELECT refused($$SELECT inv_deduct('A', 9007199254740991)$$);
-- no such item: the hint knows one that differs by case or blanks
SELECT refused($$SELECT inv_deduct('Z', 1)$$);
SELECT refused($$SELECT inv_deduct('a', 1)$$);
SELECT refused($$SELECT inv_deduct(' A', 1)$$);
SELECT refused($$SELECT inv_deduct('A  ', 1)$$);
SELECT refused($$SELECT inv_deduct('BLUEPEN', 1)$$);
SELECT refused($$SELECT inv_deduct('blue pen', 1)$$);
SELECT refused($$SELECT inv_deduct('Blue  Pen', 1)$$);
SELECT refused($$SELECT inv_deduct(E'A\t', 1)$$);
SELECT refused($$SELECT inv_deduct('', 1)$$);
SELECT refused($$SELECT inv_deduct('A%', 1)$$);
SELECT refused($$SELECT inv_deduct('quo"te''d \ ünï', 1)$$);
-- not sold any more
SELECT refused($$SELECT inv_deduct('OLD', 1)$$);
SELECT refused($$SELECT inv_deduct('OLD', 100)$$);
SELECT refused($$SELECT inv_deduct('dead', 1)$$);
-- no such location
SELECT refused($$SELECT inv_deduct('A', 1, 'x')$$);
SELECT refused($$SELECT inv_deduct('A', 1, 'SHOP')$$);
SELECT refused($$SELECT inv_deduct('A', 1, '')$$);
-- bad arguments are raised, strict or not
SELECT refused(format('SELECT inv_deduct(%L, 1, strict => %L)', NULL, strict))
  FROM unnest('{true,false}'::boolean[]) strict;
SELECT refused(format('SELECT inv_deduct(''A'', %L, strict => %L)', quantity, strict))
  FROM unnest('{true,false}'::boolean[]) strict, unnest('{NULL,0,-1,
    9007199254740992,9223372036854775807,-9223372036854775808}'::bigint[]) quantity;
SELECT refused($$SELECT inv_deduct('A', 1, strict => NULL)$$);
SELECT refused($$SELECT inv_deduct('A', 1.5)$$);
SELECT left(refused(format('SELECT inv_deduct(%L, 1, strict => false)', repeat('x', 129))), 200);
SELECT left(refused(format('SELECT inv_deduct(%L, 1, strict => false)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_deduct(''A'', 1, %L, strict => false)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_deduct(''A'', 1, reference => %L)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_deduct(''A'', 1, reason => %L)', repeat('x', 100000))), 200);
-- a read-only transaction, strict or not, stock or none
BEGIN READ ONLY;
SELECT refused($$SELECT inv_deduct('A', 1)$$);
SELECT refused($$SELECT inv_deduct('A', 1, strict => false)$$);
SELECT refused($$SELECT inv_deduct('Z', 1, strict => false)$$);
SELECT refused($$SELECT inv_receive('A', 1)$$);
-- while reading goes on
SELECT inv_available('A'), (SELECT available FROM inv_stock_level WHERE sku = 'A');
SELECT count(*) FROM inv_history('A');
SELECT count(*) FROM inv_verify();
COMMIT;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- the same business refusals as a status
SELECT :outcome FROM inv_deduct('A', 5, strict => false);
SELECT :outcome FROM inv_deduct('bare', 5, strict => false);
SELECT :outcome FROM inv_deduct('Z', 1, strict => false);
SELECT :outcome FROM inv_deduct('a', 1, strict => false);
SELECT :outcome FROM inv_deduct('OLD', 1, strict => false);
SELECT :outcome FROM inv_deduct('dead', 1, strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'x', strict => false);
SELECT :outcome FROM inv_deduct('Z', 1, 'x', strict => false);
SELECT state() = :'before' AS nothing_changed;

-- a refusal as status leaves the transaction usable
BEGIN;
SELECT status FROM inv_deduct('A', 5, strict => false);
SELECT status FROM inv_deduct('Z', 5, strict => false);
SELECT :outcome FROM inv_deduct('A', 1);
COMMIT;
-- a raised one does not
BEGIN;
SELECT :outcome FROM inv_deduct('A', 1);
SELECT inv_deduct('A', 5);
SELECT inv_deduct('A', 1);
COMMIT;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'A';

-- sold again when it is active again
UPDATE inv_item SET active = true WHERE sku = 'OLD';
SELECT :outcome FROM inv_deduct('OLD', 1);

-- a table that is written to before main exists: a refusal does not make main
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA refusal;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_deduct('A', 1, strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'main', strict => false);
SELECT count(*) FROM inv_location;
SELECT inv_available('A'), inv_available('A', 'main');

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA refusal CASCADE;
