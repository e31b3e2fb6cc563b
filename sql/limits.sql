--
-- inv_set_limits: limits of one stock row
--
CREATE SCHEMA limits;
CREATE EXTENSION inventory SCHEMA limits;
SET search_path = limits;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, safety_stock, backorder_limit, reorder_point, target_level) VALUES
  ('A', 'Apple', 1, 2, 3, 4), ('N', 'New', 5, 6, NULL, NULL);
INSERT INTO inv_location (location) VALUES ('shop'), ('attic');
SELECT location, on_hand FROM unnest('{main,shop}'::text[]) l, LATERAL inv_receive('A', 10, l) o;
CREATE VIEW limits AS SELECT sku, location, safety_stock, backorder_limit, floor, available,
  reorder_point, target_level, on_hand, version FROM inv_stock_level ORDER BY sku, location;

-- each alone: the others stay as they are, and so do the other rows
SELECT :outcome FROM inv_set_limits('A', safety_stock => 7);
SELECT * FROM limits;
SELECT :outcome FROM inv_set_limits('A', backorder_limit => 1);
SELECT :outcome FROM inv_set_limits('A', 'main', reorder_point => 8);
SELECT :outcome FROM inv_set_limits('A', target_level => 9);
SELECT * FROM limits;
SELECT :outcome FROM inv_set_limits('A', 'shop', 0, 0, 0, 0);
SELECT * FROM limits;
SELECT sku, safety_stock, backorder_limit, reorder_point, target_level FROM inv_item ORDER BY sku;
-- they count
SELECT :outcome FROM inv_deduct('A', 5, strict => false);
SELECT :outcome FROM inv_deduct('A', 4, strict => false);
SELECT :outcome FROM inv_deduct('A', 11, 'shop', strict => false);
SELECT :outcome FROM inv_deduct('A', 10, 'shop', strict => false);
-- no movement, no version, no trace in the ledger
SELECT kind, count(*) FROM inv_movement GROUP BY kind ORDER BY kind;

-- a row with limits of its own does not follow its item
UPDATE inv_item SET safety_stock = 2, reorder_point = 33, target_level = 44 WHERE sku = 'A';
SELECT * FROM limits;
-- all four null: it follows again, at once and from then on
SELECT :outcome FROM inv_set_limits('A');
SELECT * FROM limits;
UPDATE inv_item SET safety_stock = 3, target_level = NULL WHERE sku = 'A';
SELECT * FROM limits;
SELECT :outcome FROM inv_set_limits('A', 'shop', NULL, NULL, NULL, NULL);
SELECT * FROM limits;
-- active is the item's, whatever the limits are
SELECT count(*) FROM inv_set_limits('A', 'shop', 1);
UPDATE inv_item SET active = false WHERE sku = 'A';
SELECT location, active FROM inv_stock_level WHERE sku = 'A' ORDER BY location;
SELECT :outcome FROM inv_set_limits('A', 'shop', 2);
UPDATE inv_item SET active = true WHERE sku = 'A';
SELECT count(*) FROM inv_set_limits('A', 'shop');

-- a stock row that is not there is made, with its item's other limits
SELECT :outcome FROM inv_set_limits('N', backorder_limit => 9);
SELECT :outcome FROM inv_set_limits('N', 'shop');
SELECT * FROM limits WHERE sku = 'N';
SELECT :outcome FROM inv_deduct('N', 4);
SELECT :outcome FROM inv_deduct('N', 1, strict => false);
SELECT :outcome FROM inv_receive('N', 1, 'shop');
-- limits that put available below nothing
SELECT :outcome FROM inv_set_limits('A', safety_stock => 9007199254740991, backorder_limit => 0);
SELECT :outcome FROM inv_deduct('A', 1, strict => false);
SELECT :outcome FROM inv_set_limits('A', safety_stock => 0, backorder_limit => 9007199254740991);
SELECT :outcome FROM inv_set_limits('A');
-- rolled back
BEGIN;
SELECT available FROM inv_set_limits('A', safety_stock => 6);
ROLLBACK;
SELECT * FROM limits WHERE sku = 'A';

-- refused
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_set_limits('none', safety_stock => 1)$$);
SELECT refused($$SELECT inv_set_limits('a')$$);
SELECT refused($$SELECT inv_set_limits('A', 'x', 1)$$);
SELECT refused($$SELECT inv_set_limits('A', 'x')$$);
SELECT refused($$SELECT inv_set_limits(NULL, safety_stock => 1)$$);
SELECT refused(format($$SELECT inv_set_limits('A', %s => %s)$$, limit_name, value))
  FROM unnest('{safety_stock,backorder_limit,reorder_point,target_level}'::text[]) limit_name,
       unnest('{-1,9007199254740992}'::bigint[]) value;
BEGIN READ ONLY;
SELECT refused($$SELECT inv_set_limits('A', safety_stock => 1)$$);
COMMIT;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA limits CASCADE;
