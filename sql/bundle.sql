--
-- Bundles: sold as one, taken as their components
--
CREATE SCHEMA bundle;
CREATE EXTENSION inventory SCHEMA bundle;
SET search_path = bundle;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('cup', 'Cup', 0, 0), ('saucer', 'Saucer', 0, 0), ('spoon', 'Spoon', 2, 0), ('oil', 'Oil', 0, 4),
  ('SET', 'Cup and saucer', 0, 0), ('PARTY', 'Six sets, two spoons each', 0, 0), ('OILS', 'Three oils', 0, 0), ('plain', 'Plain', 0, 0);
INSERT INTO inv_location (location, sellable, priority) VALUES ('main', true, 2), ('shop', true, 1), ('attic', false, 0);
INSERT INTO inv_bundle (sku, component_sku) VALUES ('SET', 'cup'), ('SET', 'saucer');
INSERT INTO inv_bundle VALUES ('PARTY', 'SET', 6), ('PARTY', 'spoon', 2), ('OILS', 'oil', 3);
SELECT * FROM inv_bundle ORDER BY 1, 2;
SELECT count(*) FROM inv_receive_many('{cup,saucer,spoon,oil,cup,saucer,cup}', '{50,40,12,7,5,6,99}', '{main,main,main,main,shop,shop,attic}');
CREATE FUNCTION ledger(after bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', kind, sku, location, on_hand_delta, 'v' || version, 'ref=' || reference, 'key=' || key)
    FROM inv_movement WHERE movement_id > after ORDER BY sku, location, movement_id $$;

-- how many there are: what the scarcest component is good for
SELECT s, inv_available(s), inv_available(s, 'shop'), inv_available(s, 'attic') FROM unnest('{SET,PARTY,OILS,cup}'::text[]) s;
SELECT * FROM inv_item_level ORDER BY sku;
-- one outcome for the bundle, a movement for each component
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT :outcome FROM inv_deduct('SET', 3, reference => 'o1', key => 'b1');
SELECT ledger(:last);
SELECT :outcome FROM inv_deduct('SET', 3, reference => 'o1', key => 'b1', strict => false);
SELECT refused($$SELECT inv_deduct('SET', 4, reference => 'o1', key => 'b1')$$, true);
-- nested: 6 cups, 6 saucers and 2 spoons each; the spoons end first, 2 of them stay
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT :outcome FROM inv_deduct('PARTY', 4);
SELECT ledger(:last);
SELECT :outcome FROM inv_deduct('PARTY', 2, strict => false);
SELECT refused($$SELECT inv_deduct('PARTY', 2)$$);
-- backordered: the bundles that the shelf does not cover
SELECT :outcome FROM inv_deduct('OILS', 3);
SELECT :outcome FROM inv_deduct('OILS', 1, strict => false);
SELECT :outcome FROM inv_deduct('oil', 1);
SELECT on_hand FROM inv_receive('oil', 10);
-- keep: so many complete bundles must be left
SELECT :outcome FROM inv_deduct('SET', 10, keep => 4, strict => false);
SELECT :outcome FROM inv_deduct('SET', 10, keep => 3);
SELECT refused($$SELECT inv_deduct('SET', 1, keep => 3)$$, true);
SELECT refused($$SELECT inv_deduct('SET', 1, expected_version => 3)$$);
SELECT state() AS before \gset

-- summed over bundles and plain lines, whatever the order
SELECT :outcome FROM inv_deduct_many('{SET,cup,saucer}', '{2,11,2}', strict => false);
SELECT :outcome FROM inv_deduct_many('{SET,PARTY,oil,oil}', '{1,1,1,1}', strict => false);
SELECT refused($$SELECT inv_deduct_many('{oil,SET,saucer}', '{1,2,2}')$$);
SELECT refused($$SELECT inv_deduct_many('{oil,saucer,SET}', '{1,2,2}')$$);
SELECT state() = :'before' AS nothing_changed;
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT :outcome FROM inv_deduct_many('{SET,cup,SET,saucer}', '{1,4,1,1}', reference => 'o2', key => 'b2');
SELECT ledger(:last);
-- the components come back by the key, all or some of them
SELECT sku, quantity, on_hand FROM inv_return('b2', 2, 'saucer');
SELECT sku, quantity, on_hand FROM inv_return('b2') ORDER BY sku;
-- each: the one after the other
SELECT :outcome FROM inv_deduct_each('{SET,SET,cup,SET,SET}', '{2,2,1,1,1}', keys => '{e1,NULL,NULL,NULL,e1}');
SELECT :outcome FROM inv_deduct_each('{SET,SET,cup,SET,SET}', '{2,2,1,1,2}', keys => '{e1,NULL,NULL,NULL,e1}');
SELECT :outcome FROM inv_deduct('SET', 2, key => 'e1');
-- apply: bundles are deducted, nothing else
SELECT count(*) FROM inv_receive_many('{saucer,spoon}', '{30,20}');
SELECT line, status, sku, quantity, on_hand FROM inv_apply('{"lines":[{"op":"deduct","sku":"SET","quantity":2,"keep":1},{"op":"deduct","sku":"cup","quantity":1},{"op":"receive","sku":"saucer","quantity":1}]}');
SELECT state() AS before \gset
SELECT c || E'\n  ' || refused('SELECT ' || c) FROM unnest(ARRAY['inv_receive(''SET'', 1)', 'inv_adjust(''SET'', 1, strict => false)',
  'inv_transfer(''SET'', 1, ''main'', ''shop'', strict => false)', 'inv_set_limits(''SET'', safety_stock => 1)', 'inv_receive_many(''{cup,SET}'', ''{1,1}'')',
  'inv_adjust_many(''{cup,SET}'', ''{1,1}'', strict => false)', 'inv_apply(''{"lines":[{"op":"receive","sku":"cup","quantity":1},{"op":"receive","sku":"SET","quantity":1}]}'')',
  'inv_apply(''{"strict":false,"lines":[{"op":"receive","sku":"cup","quantity":1},{"op":"adjust","sku":"SET","counted":1}]}'')',
  'inv_apply(''{"strict":false,"lines":[{"op":"receive","sku":"cup","quantity":1},{"op":"transfer","sku":"SET","quantity":1,"to_location":"shop"}]}'')',
  'inv_apply(''{"strict":false,"lines":[{"op":"receive","sku":"cup","quantity":1},{"op":"deduct","sku":"SET","quantity":1,"expected_version":1}]}'')']) c;
SELECT state() = :'before' AS nothing_changed;

-- sources: the components are looked for one by one
SELECT c.on_hand, d.on_hand, e.on_hand, f.on_hand FROM inv_adjust('cup', 6) c, inv_adjust('saucer', 2) d, inv_adjust('cup', 5, 'shop') e, inv_adjust('saucer', 6, 'shop') f;
SELECT :outcome FROM inv_deduct_many('{SET}', '{2}', sources => '{main,shop}');
-- 4 cups and 0 saucers at main, 5 cups and 6 saucers in the shop
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT line, status, sku, location, quantity, reserved, version, movement_id FROM inv_deduct_many('{SET}', '{3}', sources => '{main,shop}', key => 'mixed');
SELECT ledger(:last);
SELECT sku, location, quantity FROM inv_return('mixed') ORDER BY 1;
SELECT line, status, sku, location, quantity, reserved, version FROM inv_deduct_many('{SET,cup}', '{7,1}', sources => '{main,shop}', strict => false);
SELECT line, status, sku, location, quantity FROM inv_deduct_many('{SET,cup}', '{4,5}', sources => '{main,shop}');
SELECT sku, location, on_hand FROM inv_stock_level WHERE sku IN ('cup', 'saucer') AND location <> 'attic' ORDER BY 1, 2;

-- not sold: the bundle, or a component
SELECT count(*) FROM inv_receive_many('{cup,saucer}', '{90,90}');
UPDATE inv_item SET active = false WHERE sku = 'SET';
SELECT status, sku, location, quantity FROM inv_deduct('SET', 1, strict => false);
SELECT refused($$SELECT inv_deduct('SET', 1)$$);
SELECT line, status, sku FROM inv_deduct_many('{cup,SET}', '{1,1}', strict => false);
UPDATE inv_item SET active = true WHERE sku = 'SET';
UPDATE inv_item SET active = false WHERE sku = 'saucer';
SELECT status, sku, quantity FROM inv_deduct('SET', 1, strict => false);
SELECT status, sku, quantity FROM inv_deduct('PARTY', 1, strict => false);
SELECT refused($$SELECT inv_deduct_many('{cup,PARTY}', '{1,1}')$$);
UPDATE inv_item SET active = true WHERE sku = 'saucer';
SELECT status, sku, location FROM inv_deduct('SET', 1, 'x', strict => false);
SELECT status, sku, location FROM inv_deduct('set', 1, strict => false);
-- where nothing is: no row is made by a refusal
SELECT status, on_hand, available FROM inv_deduct('PARTY', 1, 'attic', strict => false);
SELECT count(*) FROM inv_stock WHERE location = 'attic';
-- nor by one part where another is missing
INSERT INTO inv_item (sku) VALUES ('GIFT');
INSERT INTO inv_bundle VALUES ('GIFT', 'oil', 1), ('GIFT', 'cup', 1);
SELECT line, status, on_hand FROM inv_deduct_each('{saucer,GIFT}', '{1,1}', '{shop}');
SELECT line, status FROM inv_deduct_many('{saucer,GIFT}', '{1,1}', '{shop}', strict => false);
SELECT count(*) FROM inv_stock WHERE sku = 'oil' AND location = 'shop';
-- more than the range of quantities
SELECT refused($$SELECT inv_deduct('PARTY', 9007199254740991)$$, true);
SELECT refused($$SELECT inv_deduct('OILS', 3002399751580331)$$, true);
SELECT refused($$SELECT inv_deduct('OILS', 3002399751580330)$$, true);
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA bundle CASCADE;
