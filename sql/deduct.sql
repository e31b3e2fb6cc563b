--
-- inv_deduct: what it answers and changes
--
CREATE SCHEMA deduct;
CREATE EXTENSION inventory SCHEMA deduct;
SET search_path = deduct;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT :outcome FROM inv_receive('A', 10);
SELECT :outcome FROM inv_receive('A', 4, 'shop');

-- every column of the outcome
SELECT :outcome FROM inv_deduct('A', 3);
SELECT :outcome FROM inv_deduct('A', 1, 'main', 'order-17', 'sold');
SELECT :outcome FROM inv_deduct('A', 1, reference => 'order-18', strict => false);
SELECT :outcome FROM inv_deduct(sku => 'A', quantity => 4, location => 'shop',
  reference => NULL, reason => NULL, strict => true);
SELECT sku, location, on_hand, reserved, version FROM inv_stock ORDER BY location;
SELECT location, kind, on_hand_delta, reserved_delta, version, reference, reason
  FROM inv_movement WHERE kind = 'deduct' ORDER BY movement_id;

-- exactly the last unit, and not one more
SELECT :outcome FROM inv_deduct('A', 5);
SELECT state() AS before \gset
SELECT :outcome FROM inv_deduct('A', 1, strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'shop', strict => false);
SELECT :outcome FROM inv_deduct('A', 9007199254740991, strict => false);
SELECT state() = :'before' AS nothing_changed;

-- a refusal takes nothing, a smaller quantity is still sold afterwards
SELECT :outcome FROM inv_receive('A', 3);
SELECT :outcome FROM inv_deduct('A', 4, strict => false);
SELECT :outcome FROM inv_deduct('A', 3, strict => false);

-- an item without any stock row: nothing there, and no row is made
INSERT INTO inv_item (sku, name) VALUES ('NEW', 'Never received');
SELECT state() AS before \gset
SELECT :outcome FROM inv_deduct('NEW', 1, strict => false);
SELECT :outcome FROM inv_deduct('NEW', 1, 'shop', strict => false);
SELECT state() = :'before' AS nothing_changed;
SELECT count(*) FROM inv_stock WHERE sku = 'NEW';

-- backorders: below zero, as far as is allowed
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('B', 'Bread', 5);
SELECT inv_available('B');
SELECT :outcome FROM inv_deduct('B', 6, strict => false);
-- the first backordered deduct makes the row
SELECT :outcome FROM inv_deduct('B', 2);
SELECT :outcome FROM inv_deduct('B', 3);
SELECT :outcome FROM inv_deduct('B', 1, strict => false);
SELECT :outcome FROM inv_receive('B', 4);
SELECT :outcome FROM inv_receive('B', 4);
SELECT :outcome FROM inv_deduct('B', 4);
SELECT sku, on_hand, floor, available FROM inv_stock_level WHERE sku = 'B';

-- safety stock: kept back
INSERT INTO inv_item (sku, name, safety_stock) VALUES ('S', 'Salt', 3);
SELECT :outcome FROM inv_receive('S', 5);
SELECT :outcome FROM inv_deduct('S', 3, strict => false);
SELECT :outcome FROM inv_deduct('S', 2, strict => false);
SELECT :outcome FROM inv_deduct('S', 1, strict => false);
-- received less than is kept back: available below zero, and refused
INSERT INTO inv_item (sku, name, safety_stock) VALUES ('T', 'Tea', 10);
SELECT :outcome FROM inv_receive('T', 4);
SELECT :outcome FROM inv_deduct('T', 1, strict => false);
-- both: the floor is the one less the other
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit)
  VALUES ('U', 'Umbrella', 2, 6);
SELECT :outcome FROM inv_receive('U', 1);
SELECT :outcome FROM inv_deduct('U', 6, strict => false);
SELECT :outcome FROM inv_deduct('U', 5, strict => false);

-- the ends of the number range
INSERT INTO inv_item (sku, name, backorder_limit)
  VALUES ('MAX', 'Most', 9007199254740991);
SELECT :outcome FROM inv_deduct('MAX', 9007199254740991);
SELECT :outcome FROM inv_deduct('MAX', 1, strict => false);
SELECT :outcome FROM inv_deduct('MAX', 9007199254740991, strict => false);
SELECT :outcome FROM inv_receive('MAX', 9007199254740991);
SELECT :outcome FROM inv_receive('MAX', 9007199254740991);
SELECT :outcome FROM inv_deduct('MAX', 9007199254740991);

-- case matters: two items
INSERT INTO inv_item (sku, name) VALUES ('a', 'apple');
SELECT :outcome FROM inv_receive('a', 1);
SELECT :outcome FROM inv_deduct('a', 1);
SELECT :outcome FROM inv_deduct('a', 1, strict => false);

-- the setting names the location that was not named
SET inventory.default_location = 'shop';
SELECT :outcome FROM inv_receive('A', 2);
SELECT :outcome FROM inv_deduct('A', 1);
SELECT inv_available('A'), inv_available('A', 'main');
RESET inventory.default_location;
SELECT inv_available('A'), inv_available('A', 'shop');

-- the version counts this row's movements
SELECT s.sku, s.location, s.version = count(*) AS counts
  FROM inv_stock s JOIN inv_movement m USING (stock_id)
  GROUP BY s.stock_id, s.sku, s.location, s.version HAVING s.version <> count(*);
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA deduct CASCADE;
