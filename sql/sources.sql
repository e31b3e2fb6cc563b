--
-- sources: the engine chooses among locations, or splits
--
CREATE SCHEMA sources;
CREATE EXTENSION inventory SCHEMA sources;
SET search_path = sources;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('A', 'Apple', 0, 0), ('B', 'Bread', 0, 0), ('S', 'Salt', 2, 0), ('O', 'Oil', 0, 3),
  ('P', 'Pear', 0, 3), ('OLD', 'Old', 0, 0);
INSERT INTO inv_location (location, sellable, priority) VALUES
  ('main', true, 5), ('shop', true, 1), ('attic', false, 0), ('depot', true, 5);
-- stocked - sets all rows right, so that each part begins with the same
CREATE FUNCTION stocked() RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM (VALUES
    ('A', 5, 'main'), ('A', 10, 'shop'), ('A', 3, 'depot'), ('A', 100, 'attic'),
    ('B', 4, 'main'), ('B', 4, 'shop'), ('S', 5, 'main'), ('S', 5, 'shop'),
    ('O', 4, 'main'), ('O', 6, 'shop')) v(sku, counted, location),
    LATERAL inv_adjust(v.sku, v.counted, v.location) $$;
-- left_over - what is where
CREATE FUNCTION left_over(wanted text) RETURNS text LANGUAGE sql AS $$
  SELECT string_agg(location || ' ' || on_hand, ', ' ORDER BY location) FROM inv_stock_level WHERE sku = wanted $$;
\set brief 'line, status, sku, location, quantity, on_hand, reserved, available, backordered, movement_id IS NOT NULL AS moved, replayed'

SELECT stocked();
-- the first that has enough, in the order given
SELECT :outcome FROM inv_deduct_many('{A}', '{4}', sources => '{main,shop}');
SELECT :outcome FROM inv_deduct_many('{A}', '{4}', sources => '{main,shop}', reference => 'o1', reason => 'why', key => 'k');
SELECT :outcome FROM inv_deduct_many('{A}', '{4}', sources => '{main,shop}', reference => 'o1', reason => 'why', key => 'k');
SELECT refused($$SELECT inv_deduct_many('{A}', '{4}', sources => '{shop,main}', reference => 'o1', reason => 'why', key => 'k')$$, true);
SELECT refused($$SELECT inv_deduct_many('{A}', '{4}', sources => '{main,shop,depot}', reference => 'o1', reason => 'why', key => 'k')$$, true);
SELECT kind, location, on_hand_delta, reference, reason, key FROM inv_movement WHERE reference = 'o1';
SELECT quantity, location FROM inv_return('k');
-- one candidate is that location
SELECT :brief FROM inv_deduct_many('{A}', '{1}', sources => '{attic}');
SELECT stocked();
-- nowhere enough: split in the order given, one row for each part
SELECT :brief FROM inv_deduct_many('{A}', '{12}', sources => '{main,shop,depot}');
SELECT stocked();
SELECT :brief FROM inv_deduct_many('{A}', '{12}', sources => '{depot,main,shop}', key => 'split');
-- and all of it comes back by the key
SELECT location, quantity FROM inv_return('split') ORDER BY location;
SELECT stocked();
-- exactly all there is
SELECT :brief FROM inv_deduct_many('{A}', '{18}', sources => '{depot,main,shop}');
SELECT stocked();
-- one more: one row for the line, with the sums
SELECT state() AS before \gset
SELECT :outcome FROM inv_deduct_many('{A}', '{19}', sources => '{depot,main,shop}', strict => false);
SELECT refused($$SELECT inv_deduct_many('{A}', '{19}', sources => '{depot,main,shop}')$$);
-- beside another line, which is not applied
SELECT :outcome FROM inv_deduct_many('{B,A,B}', '{1,19,2}', sources => '{shop,main}', strict => false);
-- where no row is, there is nothing; where no item is, neither
SELECT :outcome FROM inv_deduct_many('{B,Z}', '{9,1}', sources => '{shop,depot,main}', strict => false);
SELECT state() = :'before' AS nothing_changed;
UPDATE inv_item SET active = false WHERE sku = 'OLD';
SELECT state() AS before \gset
SELECT status, sku, location FROM inv_deduct_many('{OLD,B}', '{1,1}', sources => '{shop,main}', strict => false);
SELECT refused($$SELECT inv_deduct_many('{B,Z}', '{1,1}', sources => '{shop,main}')$$);
SELECT line, status, sku, location, on_hand, version FROM inv_deduct_many('{A,B}', '{1,1}', sources => '{shop,x,main}', strict => false);
SELECT refused($$SELECT inv_deduct_many('{A,B}', '{1,1}', sources => '{shop,x,main}')$$);
SELECT state() = :'before' AS nothing_changed;

-- the demand of a sku is summed first; shares are dealt to the lines in order
SELECT :outcome FROM inv_deduct_many('{A,B,A}', '{3,1,5}', sources => '{main,shop}', key => 'sum');
SELECT o.line, m.location, m.on_hand_delta FROM inv_deduct_many('{A,B,A}', '{3,1,5}', sources => '{main,shop}', key => 'sum') o
  JOIN inv_movement m USING (movement_id) ORDER BY line;
SELECT stocked();
SELECT :brief FROM inv_deduct_many('{A,B,A,A}', '{3,1,5,5}', sources => '{main,shop}');
SELECT stocked();
SELECT line, location, quantity FROM inv_deduct_many('{A,A,A}', '{1,1,15}', sources => '{depot,main,shop}');
SELECT sku, location, count(*) FROM inv_movement WHERE movement_id > (SELECT max(movement_id) - 3 FROM inv_movement) GROUP BY 1, 2 ORDER BY 2;
SELECT stocked();
-- refused together, though each alone would go
SELECT line, status, quantity, available FROM inv_deduct_many('{A,A}', '{8,8}', sources => '{main,shop}', strict => false);
SELECT refused($$SELECT inv_deduct_many('{B,A,A}', '{1,8,8}', sources => '{main,shop}')$$);

-- safety stock is not for sale anywhere
SELECT :brief FROM inv_deduct_many('{S}', '{4}', sources => '{main,shop}');
SELECT line, status, location, on_hand, available FROM inv_deduct_many('{S}', '{3}', sources => '{main,shop}', strict => false);
-- backorders are the last resort: the shelves first, alone or together
SELECT :brief FROM inv_deduct_many('{O}', '{6}', sources => '{main,shop}');
SELECT stocked();
SELECT :brief FROM inv_deduct_many('{O}', '{10}', sources => '{main,shop}');
-- then the first that may go so far below
SELECT :brief FROM inv_deduct_many('{O}', '{2}', sources => '{main,shop}');
SELECT :brief FROM inv_deduct_many('{O}', '{2}', sources => '{main,shop}');
-- then all of them, each as far as it may
SELECT :brief FROM inv_deduct_many('{O}', '{2}', sources => '{main,shop}');
SELECT line, status, location, on_hand, available FROM inv_deduct_many('{O}', '{1}', sources => '{main,shop}', strict => false);
SELECT stocked();
-- with backorders one place is enough before two are asked
SELECT :brief FROM inv_deduct_many('{O}', '{9}', sources => '{main,attic,shop}');
SELECT stocked();
SELECT :brief FROM inv_deduct_many('{O}', '{11}', sources => '{main,shop}');
-- a backorder makes the row where there is none
SELECT :outcome FROM inv_deduct_many('{P}', '{2}', sources => '{depot,main}');
SELECT :outcome FROM inv_deduct_many('{P}', '{4}', sources => '{depot,main}');
-- less than nothing available counts as nothing, when it is dealt
SELECT a.available, b.available FROM inv_adjust('S', 0, 'main') a, inv_adjust('S', 5, 'shop') b;
SELECT line, status, location, quantity FROM inv_deduct_many('{S}', '{3}', sources => '{main,shop}');

-- no sources named: the sellable locations by priority, then by name
SELECT stocked();
SELECT line, location, quantity FROM inv_deduct_many('{A}', '{18}', sources => '{}');
SELECT line, status, location, quantity, on_hand, available FROM inv_deduct_many('{A}', '{1}', sources => '{}', strict => false);
SELECT stocked();
SELECT line, location, quantity FROM inv_deduct_many('{A,B}', '{3,3}', sources => ARRAY[]::text[]);
UPDATE inv_location SET priority = 9 WHERE location = 'shop';
SELECT line, location, quantity FROM inv_deduct_many('{A,B}', '{3,3}', sources => '{}');
UPDATE inv_location SET sellable = false WHERE location <> 'main';
SELECT line, location, quantity FROM inv_deduct_many('{A}', '{3}', sources => '{}');
SELECT line, status, available FROM inv_deduct_many('{A}', '{3}', sources => '{}', strict => false);
-- a location that is not sellable may be named
SELECT line, location, quantity FROM inv_deduct_many('{A}', '{3}', sources => '{depot,attic}');
-- none is sellable: the default location
UPDATE inv_location SET sellable = false;
SELECT line, location, quantity FROM inv_deduct_many('{A}', '{2}', sources => '{}');
SELECT line, location, quantity FROM inv_deduct_many('{A,B,A}', '{1,1,1}', sources => '{}', strict => false);
SET inventory.default_location = 'attic';
SELECT line, location, quantity FROM inv_deduct_many('{A}', '{2}', sources => '{}');
SELECT line, location, quantity FROM inv_deduct_many('{A,A}', '{1,3}', sources => '{}');
SELECT line, status, location, version FROM inv_deduct_many('{A}', '{999}', sources => '{}', strict => false);
RESET inventory.default_location;
UPDATE inv_location SET sellable = true;

-- locations and sources are two answers to one question
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', '{main}', '{shop}')$$);
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', '{main}', '{}')$$, true);
-- sources may be fewer or more than the lines
SELECT line, location, quantity FROM inv_deduct_many('{A,A,A}', '{1,1,1}', sources => '{shop}');
SELECT left_over('A');
-- where there was no location at all, not even the default one
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA sources;
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('A', 'Apple', 5);
SELECT :outcome FROM inv_deduct_many('{A}', '{2}', sources => '{}');
-- where nothing was taken there is no stock row either
INSERT INTO inv_location (location) VALUES ('shop'), ('attic');
SELECT :outcome FROM inv_deduct_many('{A}', '{4}', sources => '{shop,attic}');
SELECT sku, location, on_hand, version FROM inv_stock_level ORDER BY location;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA sources CASCADE;
