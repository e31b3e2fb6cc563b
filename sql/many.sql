--
-- inv_deduct_many, inv_receive_many, inv_adjust_many: all lines or none
--
CREATE SCHEMA many;
CREATE EXTENSION inventory SCHEMA many;
SET search_path = many;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('A', 'Apple', 0, 0), ('B', 'Bread', 0, 0), ('S', 'Salt', 3, 0),
  ('O', 'Oil', 0, 5), ('P', 'Pear', 0, 5), ('OLD', 'Old', 0, 0), ('N', 'New', 0, 0);
INSERT INTO inv_location (location) VALUES ('shop');
-- ledger - the movements of a reference, as they came
CREATE FUNCTION ledger(wanted text) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', kind, sku, location, on_hand_delta, 'v' || version, reason, key)
    FROM many.inv_movement WHERE reference = wanted ORDER BY sku, location, version $$;

-- receive: one outcome per line in the order of the lines; rows are made, and
-- the default location is
SELECT :outcome FROM inv_receive_many('{B,A,S,O,OLD}', '{10,20,10,2,5}', reference => 'truck-1', reason => 'in');
SELECT ledger('truck-1');
UPDATE inv_item SET active = false WHERE sku = 'OLD';
-- inactive items too, and the same row three times is one movement
SELECT :outcome FROM inv_receive_many('{OLD,OLD,A,OLD}', '{1,2,5,3}', '{main,shop,shop,main}', 'truck-2');
SELECT ledger('truck-2');

-- deduct: the same row twice is summed, one movement, numbers after the call
SELECT :outcome FROM inv_deduct_many('{A,B,A}', '{3,4,5}', reference => 'order-1', reason => 'sold', key => 'k1');
SELECT ledger('order-1');
-- each line shows the movement that it is part of
SELECT line, o.sku, o.quantity, m.on_hand_delta, o.replayed
  FROM inv_deduct_many('{A,B,A}', '{3,4,5}', reference => 'order-1', reason => 'sold', key => 'k1') o
  JOIN inv_movement m USING (movement_id) ORDER BY line;
-- locations: one for all, or one for each line
SELECT :outcome FROM inv_deduct_many('{A,A}', '{1,1}', '{shop}', strict => true);
SELECT :outcome FROM inv_deduct_many('{A,A}', '{1,1}', '{shop,main}', reference => NULL, reason => NULL, key => NULL);
-- the setting names the location that was not named
SET inventory.default_location = 'shop';
SELECT :outcome FROM inv_deduct_many('{A}', '{1}');
RESET inventory.default_location;
-- exactly all of two lines; safety stock stays, backorders go as far as is allowed
SELECT :outcome FROM inv_deduct_many('{S,O,S,P}', '{3,7,4,2}');
SELECT :outcome FROM inv_receive_many('{O,P,P}', '{6,1,2}');

-- refused: nothing changed; every line of the short row, and the rest is not applied
SELECT state() AS before \gset
SELECT :outcome FROM inv_deduct_many('{A,B,A}', '{6,1,6}', strict => false);
-- the same sku elsewhere is another row
SELECT :outcome FROM inv_deduct_many('{A,A,A}', '{6,1,6}', '{main,shop,main}', strict => false);
-- every reason beside every other
SELECT :outcome FROM inv_deduct_many('{B,Z,OLD,B,A,N,B,Z,OLD}', '{1,1,1,1,12,1,1,1,100}',
  '{main,main,main,x,main,main,shop,x,shop}', strict => false);
-- refused for another line: not_applied, also where no row is yet
SELECT :outcome FROM inv_deduct_many('{P,P,Z}', '{1,1,1}', '{main,shop,main}', strict => false);
SELECT state() = :'before' AS nothing_changed;
-- strict: the first refused line, with the sum asked of its row
SELECT refused($$SELECT inv_deduct_many('{B,A,A}', '{1,6,7}')$$);
SELECT refused($$SELECT inv_deduct_many('{B,N,A}', '{1,1,99}', '{main,shop,main}')$$);
SELECT refused($$SELECT inv_deduct_many('{B,B,Z,A}', '{1,1,1,99}')$$);
SELECT refused($$SELECT inv_deduct_many('{B,a}', '{1,1}')$$);
SELECT refused($$SELECT inv_deduct_many('{B,OLD,Z}', '{1,1,1}')$$);
SELECT refused($$SELECT inv_deduct_many('{B,B,A}', '{1,1,99}', '{main,x,main}')$$);
SELECT refused($$SELECT inv_receive_many('{B,B,Z}', '{1,1,1}')$$);
SELECT refused($$SELECT inv_receive_many('{B,B,Z}', '{1,1,1}', '{main,x,main}')$$);
SELECT refused($$SELECT inv_adjust_many('{B,Z}', '{1,1}')$$);
SELECT refused($$SELECT inv_adjust_many('{B,B}', '{1,1}', '{main,x}')$$);
-- more than the books can hold, also only together
SELECT refused($$SELECT inv_receive_many('{B,A}', '{1,9007199254740991}')$$, true);
SELECT refused($$SELECT inv_receive_many('{N,N}', '{9007199254740990,2}')$$, true);
SELECT refused(format('SELECT inv_receive_many(array_fill(''N''::text, ARRAY[2000]), array_fill(9007199254740991, ARRAY[2000]))'), true);
SELECT refused($$SELECT inv_adjust_many('{N,N}', '{9007199254740990,2}')$$, true);
SELECT state() = :'before' AS nothing_changed;
-- that many lines of all there is do not wrap
SELECT refused('SELECT inv_deduct_many(array_fill(''A''::text, ARRAY[2000]), array_fill(9007199254740991, ARRAY[2000]))', true) IN ('IV001', '22003') AS refused;
SELECT state() = :'before' AS nothing_changed;

-- a refusal as status leaves the transaction usable, a raised one does not
BEGIN;
SELECT status FROM inv_deduct_many('{A,B}', '{99,1}', strict => false);
SELECT :outcome FROM inv_deduct_many('{A,B}', '{1,1}');
-- two calls of one transaction on the same rows are two movements
SELECT :outcome FROM inv_deduct_many('{B,A}', '{1,1}');
SAVEPOINT s;
SELECT count(*) FROM inv_deduct_many('{B,A}', '{1,1}');
ROLLBACK TO s;
SELECT count(*) FROM inv_deduct_many('{B,A}', '{5,1}');
SELECT 1;
COMMIT;
SELECT state() = :'before' AS nothing_changed;

-- adjust: counts of one row are added up; inactive items too; always a movement
SELECT :outcome FROM inv_adjust_many('{A,B,A,OLD,N}', '{4,6,3,0,2}', reference => 'count-1', reason => 'year');
SELECT ledger('count-1');
-- the same place is not the same row elsewhere; less than nothing may be available
SELECT :outcome FROM inv_adjust_many('{S,A,A}', '{1,3,4}', '{main,main,shop}');
SELECT state() AS before \gset
SELECT :outcome FROM inv_adjust_many('{A,Z,OLD}', '{1,2,3}', '{x,main,main}', strict => false);
SELECT state() = :'before' AS nothing_changed;
-- counted earlier: what moved since stays moved
SELECT count(*) FROM inv_receive_many('{A,B}', '{10,10}', occurred_at => '2020-01-01');
SELECT count(*) FROM inv_deduct_many('{A,B}', '{1,2}', occurred_at => '2021-01-01');
SELECT :outcome FROM inv_adjust_many('{A,B,A}', '{5,10,6}', counted_at => '2020-06-01', reference => 'count-2');
SELECT count(*), bool_and(occurred_at = '2020-06-01') FROM inv_movement WHERE reference = 'count-2';

-- keys: one for the call; the same arguments as they are resolved
SELECT :outcome FROM inv_receive_many('{A,B}', '{30,40}', key => 'r');
SELECT :outcome FROM inv_receive_many('{A,B}', '{30,40}', '{main}', key => 'r');
SELECT :outcome FROM inv_receive_many('{A,B}', '{30,40}', '{main,main}', key => 'r');
SELECT :outcome FROM inv_deduct_many('{A,B,A}', '{3,4,5}', key => 'd', strict => false);
SELECT :outcome FROM inv_deduct_many('{A,B,A}', '{3,4,5}', key => 'd', strict => true);
SELECT :outcome FROM inv_adjust_many('{A,B}', '{15,51}', key => 'a');
SELECT count(*), bool_and(replayed) FROM inv_adjust_many('{A,B}', '{15,51}', key => 'a', strict => false);
SELECT key, function, cardinality(outcomes) FROM inv_request ORDER BY key;
-- refused and returned is remembered, refused and raised is not
SELECT status, replayed FROM inv_deduct_many('{A,Z}', '{1,1}', key => 'n', strict => false);
SELECT refused($$SELECT inv_deduct_many('{A,Z}', '{1,1}', key => 'm')$$, true);
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('Z', 'Later', 9);
SELECT status, replayed FROM inv_deduct_many('{A,Z}', '{1,1}', key => 'n', strict => false);
SELECT refused($$SELECT inv_deduct_many('{A,Z}', '{1,1}', key => 'n')$$);
SELECT status, on_hand, replayed FROM inv_deduct_many('{A,Z}', '{1,1}', key => 'm');
-- any other argument is another call
SELECT state() AS before \gset
SELECT c || ' ' || refused('SELECT ' || c, true) FROM unnest('{
  "inv_deduct_many(''{A,B,A}'', ''{3,4,6}'', key => ''d'')",
  "inv_deduct_many(''{A,A,B}'', ''{3,5,4}'', key => ''d'')",
  "inv_deduct_many(''{A,B}'', ''{8,4}'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', ''{shop}'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', ''{main,main,shop}'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', sources => ''{main}'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', sources => ''{}'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', reference => ''r'', key => ''d'')",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', reason => ''r'', key => ''d'', strict => false)",
  "inv_deduct_many(''{A,B,A}'', ''{3,4,5}'', occurred_at => ''2020-01-01'', key => ''d'')",
  "inv_receive_many(''{A,B,A}'', ''{3,4,5}'', key => ''d'')",
  "inv_adjust_many(''{A,B,A}'', ''{3,4,5}'', key => ''d'')",
  "inv_deduct(''A'', 3, key => ''d'')",
  "inv_receive(''A'', 30, key => ''r'')",
  "inv_apply(''{\"key\":\"d\",\"lines\":[{\"op\":\"deduct\",\"sku\":\"A\",\"quantity\":3},{\"op\":\"deduct\",\"sku\":\"B\",\"quantity\":4},{\"op\":\"deduct\",\"sku\":\"A\",\"quantity\":5}]}'')"
  }'::text[]) c;
SELECT state() = :'before' AS nothing_changed;
-- what an order took comes back by its key: one row per stock row
SELECT sku, location, quantity, on_hand, version FROM inv_return('d') ORDER BY sku;
SELECT refused($$SELECT inv_return('d')$$, true);
SELECT sku, quantity FROM inv_return('k1', 5, 'A', key => 'k1-back');
SELECT sku, quantity FROM inv_return('k1') ORDER BY sku;

-- many lines: one movement for each row, versions in step
INSERT INTO inv_item (sku, name) SELECT 'M' || g, 'Many' FROM generate_series(1, 1000) g;
SELECT count(*), sum(on_hand), min(line), max(line), bool_and(sku = 'M' || 1001 - line AND on_hand = 7) AS in_order
  FROM inv_receive_many((SELECT array_agg('M' || g ORDER BY g DESC) FROM generate_series(1, 1000) g), array_fill(7, ARRAY[1000]));
SELECT count(*), count(DISTINCT movement_id), bool_and(sku = 'M' || 1 + (line * 7) % 1000 AND on_hand = 7 - 2 AND version = 2) AS in_order
  FROM inv_deduct_many((SELECT array_agg('M' || 1 + (g * 7) % 1000 ORDER BY g) FROM generate_series(1, 2000) g), array_fill(1, ARRAY[2000]));
SELECT count(*) FROM inv_movement WHERE sku LIKE 'M%' AND kind = 'deduct' AND on_hand_delta = -2;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA many CASCADE;
