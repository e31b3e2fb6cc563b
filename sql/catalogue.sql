--
-- inv_item and inv_location: edited with plain DML
--
CREATE SCHEMA catalogue;
CREATE EXTENSION inventory SCHEMA catalogue;
SET search_path = catalogue;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- what a new item is when only named
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT sku, name, unit, unit_price, currency, attributes, active, safety_stock,
       backorder_limit, reorder_point, target_level, version,
       created_at = updated_at AS new, created_at <= clock_timestamp() AS past
  FROM inv_item;
INSERT INTO inv_location (location) VALUES ('shop');
SELECT location, sellable, priority FROM inv_location;

-- every column may be given
INSERT INTO inv_item (sku, name, unit, unit_price, currency, attributes, active,
                      safety_stock, backorder_limit, reorder_point, target_level)
  VALUES ('B', 'Bread', 'gram', 0.0025, 'EUR', '{"colour": "brown"}', false,
          1, 2, 3, 4);
SELECT sku, unit, unit_price, currency, attributes, active, safety_stock,
       backorder_limit, reorder_point, target_level FROM inv_item WHERE sku = 'B';

-- what a sku may be: 1 to 128 bytes
INSERT INTO inv_item (sku, name) VALUES (repeat('x', 128), 'long');
INSERT INTO inv_item (sku, name) VALUES (repeat('é', 64), 'long, in bytes');
INSERT INTO inv_item (sku, name) VALUES ('a', 'not the same as A');
INSERT INTO inv_item (sku, name) VALUES ('two words', 'a blank within');
INSERT INTO inv_item (sku, name) VALUES ('O''Neil "5/8" \ %_', 'signs');
SELECT count(*), count(DISTINCT sku) FROM inv_item;
-- and what not
SELECT what, refused(format('INSERT INTO inv_item (sku, name) VALUES (%L, ''x'')', sku), true)
  FROM (VALUES ('129 bytes', repeat('x', 129)), ('130 bytes', repeat('é', 65)),
    ('empty', ''), ('null', NULL), ('blank', ' '), ('blank before', ' A'),
    ('blank after', 'A '), ('tab within', E'A\tB'), ('line feed', E'A\nB'),
    ('return at the end', E'A\r'), ('control 1', E'A\x01B'),
    ('escape', E'A\x1bB'), ('delete', E'A\x7fB'), ('twice', 'A')) v(what, sku);
SELECT refused($$UPDATE inv_item SET sku = ' A' WHERE sku = 'a'$$, true);
-- limits are quantities
SELECT col, val, refused(format($$INSERT INTO inv_item (sku, name, %I)
  VALUES ('L', 'limit', %s)$$, col, val), true)
  FROM unnest('{safety_stock,backorder_limit,reorder_point,target_level}'::text[]) col,
       unnest('{-1,9007199254740992}'::bigint[]) val;
SELECT col, refused(format($$INSERT INTO inv_item (sku, name, %I)
  VALUES ('L', 'limit', NULL)$$, col), true)
  FROM unnest('{safety_stock,backorder_limit,active,unit,attributes}'::text[]) col;
-- what a location may be
SELECT what, refused(format('INSERT INTO inv_location (location) VALUES (%L)', location), true)
  FROM (VALUES ('129 bytes', repeat('x', 129)), ('empty', ''), ('null', NULL),
    ('blank before', ' A'), ('blank after', 'A '), ('control', E'A\nB'),
    ('twice', 'shop')) v(what, location);
SELECT count(*) FROM inv_item;

-- version and updated_at move with every update, created_at does not
CREATE TABLE was AS SELECT * FROM inv_item WHERE sku = 'A';
UPDATE inv_item SET name = 'Apples' WHERE sku = 'A';
SELECT i.version - w.version AS moved, i.updated_at > w.updated_at AS later,
       i.created_at = w.created_at AS same
  FROM inv_item i JOIN was w USING (sku);
UPDATE inv_item SET unit_price = 3, currency = 'EUR' WHERE sku = 'A';
UPDATE inv_item SET unit_price = 4 WHERE sku IN ('A', 'B');
SELECT i.version - w.version AS moved FROM inv_item i JOIN was w USING (sku);
-- also inside one transaction
BEGIN;
UPDATE inv_item SET unit_price = 5 WHERE sku = 'A';
UPDATE inv_item SET unit_price = 6 WHERE sku = 'A';
COMMIT;
SELECT i.version - w.version AS moved FROM inv_item i JOIN was w USING (sku);

-- a new stock row copies the item's limits
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit, reorder_point,
                      target_level)
  VALUES ('C', 'Cheese', 4, 1, 10, 50);
SELECT :outcome FROM inv_receive('C', 20);
SELECT :outcome FROM inv_receive('C', 5, 'shop');
SELECT location, safety_stock, backorder_limit, floor, available, reorder_point,
       target_level, active FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
-- and follows when they change
UPDATE inv_item SET safety_stock = 6, backorder_limit = 0, reorder_point = 12,
       target_level = NULL WHERE sku = 'C';
SELECT location, safety_stock, backorder_limit, floor, available, reorder_point,
       target_level, active FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
SELECT :outcome FROM inv_deduct('C', 15, strict => false);
SELECT :outcome FROM inv_deduct('C', 14, strict => false);
UPDATE inv_item SET backorder_limit = 7 WHERE sku = 'C';
SELECT :outcome FROM inv_deduct('C', 7, strict => false);
-- a limit may put available below zero; then nothing is sold
UPDATE inv_item SET backorder_limit = 0, safety_stock = 100 WHERE sku = 'C';
SELECT location, on_hand, floor, available FROM inv_stock_level
  WHERE sku = 'C' ORDER BY location;
SELECT :outcome FROM inv_deduct('C', 1, strict => false);
SELECT :outcome FROM inv_deduct('C', 1, 'shop', strict => false);
-- a change of limits is no movement: neither counted nor in the ledger
SELECT s.location, s.version, count(*) FROM inv_stock s
  JOIN inv_movement m USING (stock_id) WHERE s.sku = 'C'
  GROUP BY s.location, s.version ORDER BY s.location;

-- limits at the ends of the number range
UPDATE inv_item SET safety_stock = 9007199254740991, backorder_limit = 0 WHERE sku = 'C';
SELECT :outcome FROM inv_deduct('C', 9007199254740991, strict => false);
SELECT location, available FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
UPDATE inv_item SET safety_stock = 0, backorder_limit = 9007199254740991 WHERE sku = 'C';
SELECT location, available FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
UPDATE inv_item SET backorder_limit = 0 WHERE sku = 'C';

-- deactivation reaches the stock rows, and back
UPDATE inv_item SET active = false WHERE sku = 'C';
SELECT location, active FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
SELECT :outcome FROM inv_deduct('C', 1, strict => false);
SELECT :outcome FROM inv_deduct('C', 1, 'shop', strict => false);
UPDATE inv_item SET active = true WHERE sku = 'C';
SELECT location, active FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
SELECT :outcome FROM inv_deduct('C', 1, 'shop', strict => false);
-- a change that is rolled back reaches nothing
BEGIN;
UPDATE inv_item SET active = false, safety_stock = 9 WHERE sku = 'C';
ROLLBACK;
SELECT location, active, safety_stock FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
-- an update of all items at once
UPDATE inv_item SET active = true, reorder_point = 2;
SELECT sku, location, active, reorder_point FROM inv_stock_level ORDER BY 1, 2;

-- an item or a location with stock stays; without it goes
SELECT refused($$DELETE FROM inv_item WHERE sku = 'C'$$, true);
SELECT refused($$TRUNCATE inv_item$$, true);
SELECT refused($$UPDATE inv_item SET sku = 'CC' WHERE sku = 'C'$$, true);
SELECT refused($$DELETE FROM inv_location WHERE location = 'shop'$$, true);
SELECT refused($$TRUNCATE inv_location$$, true);
SELECT refused($$UPDATE inv_location SET location = 's' WHERE location = 'shop'$$, true);
DELETE FROM inv_item WHERE sku = 'a';
UPDATE inv_item SET sku = 'AA' WHERE sku = 'A';
SELECT sku FROM inv_item WHERE length(sku) < 3 ORDER BY sku COLLATE "C";

-- an item that comes by upsert or by MERGE is an item like any other
INSERT INTO inv_item (sku, name) VALUES ('C', 'Camembert')
  ON CONFLICT (sku) DO UPDATE SET name = EXCLUDED.name, safety_stock = 2;
SELECT location, safety_stock FROM inv_stock_level WHERE sku = 'C' ORDER BY location;
MERGE INTO inv_item i USING (VALUES ('C', 3), ('D', 1)) v(sku, safety)
  ON i.sku = v.sku
  WHEN MATCHED THEN UPDATE SET safety_stock = v.safety
  WHEN NOT MATCHED THEN INSERT (sku, name, safety_stock) VALUES (v.sku, v.sku, v.safety);
SELECT :outcome FROM inv_receive('D', 2);
SELECT sku, location, safety_stock FROM inv_stock_level WHERE sku IN ('C', 'D') ORDER BY 1, 2;

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA catalogue CASCADE;
