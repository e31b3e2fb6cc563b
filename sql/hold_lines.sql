--
-- Holds of many lines: choices of locations, bundles, parts that are confirmed
--
CREATE SCHEMA hold_lines;
CREATE EXTENSION inventory SCHEMA hold_lines;
SET search_path = hold_lines;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set holds :srcdir '/sql/include/holds.psql'
\set ECHO none
\i :helpers
\i :holds
\set ECHO all

\pset format unaligned
\pset tuples_only on
\pset null -
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES ('A', 'Apple', 0, 0), ('B', 'Bread', 0, 0),
  ('S', 'Salt', 3, 0), ('O', 'Oil', 0, 5), ('N', 'None yet', 0, 4), ('cup', 'Cup', 0, 0), ('saucer', 'Saucer', 0, 0),
  ('SET', 'Cup and two saucers', 0, 0), ('PARTY', 'Three sets and a bread', 0, 0), ('OLD', 'Old', 0, 0);
INSERT INTO inv_location (location, priority, sellable) VALUES ('main', 2, true), ('shop', 1, true), ('attic', 0, false);
INSERT INTO inv_bundle VALUES ('SET', 'cup', 1), ('SET', 'saucer', 2), ('PARTY', 'SET', 3), ('PARTY', 'B', 1);
-- stocked - no stock but this, whatever was before
CREATE FUNCTION stocked() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
  PERFORM inv_cancel(xid, branch) FROM inv_open_holds;
  PERFORM count(*) FROM (VALUES ('A', 5, 'main'), ('A', 10, 'shop'), ('B', 20, 'main'), ('S', 8, 'main'), ('O', 4, 'main'),
      ('cup', 10, 'main'), ('saucer', 10, 'main'), ('cup', 4, 'shop'), ('saucer', 9, 'shop')) v(sku, counted, location),
    LATERAL inv_adjust(v.sku, v.counted, v.location);
  PERFORM up_to_date();
END $$;
SELECT stocked();

-- the same stock row twice is summed: one movement; the lines keep their quantities
SELECT :answer FROM inv_try('same', '{A,B,A}', '{2,1,3}');
SELECT news();
SELECT lines, units FROM inv_open_holds WHERE xid = 'same';
SELECT refused($$SELECT inv_confirm('same', quantities => '{3,1,2}')$$);
SELECT :answer FROM inv_confirm('same', quantities => '{2,0,1}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('same', quantities => '{2,1,2}');
SELECT news();
SELECT stocked();
-- lines of one stock row beside each other are still two
SELECT :answer FROM inv_try('two', '{A,A}', '{2,3}');
SELECT :answer FROM inv_confirm('two', quantities => '{1,3}');
SELECT news();
SELECT stocked();
-- refused together, though each alone would go; requested is the sum
SELECT :answer FROM inv_try('sum', '{B,A,A}', '{1,3,3}', strict => false);
SELECT refused($$SELECT inv_try('sum2', '{B,A,A}', '{1,3,3}')$$);
SELECT news();

-- safety stock is not held; backorders are, as far as they are allowed
SELECT :answer FROM inv_try('safe', '{S}', '{6}', strict => false);
SELECT :answer FROM inv_try('safe2', '{S}', '{5}');
SELECT status, available FROM inv_deduct('S', 1, strict => false);
SELECT :answer FROM inv_try('back', '{O,N}', '{9,4}');
SELECT news();
SELECT :answer FROM inv_try('back2', '{O}', '{1}', strict => false);
SELECT sku, on_hand, reserved, available FROM inv_stock_level WHERE sku IN ('O', 'N') ORDER BY sku;
-- confirmed before the goods have come
SELECT :answer FROM inv_confirm('back');
SELECT news();
SELECT :answer FROM inv_confirm('safe2', quantities => '{2}');
SELECT news();
SELECT sku, on_hand, reserved, available FROM inv_receive_many('{O,N}', '{9,4}');
SELECT stocked();
-- where no stock row is, a hold on backorder makes one; a refused one does not
SELECT :answer FROM inv_try('row', '{N,O}', '{1,1}', '{shop}');
SELECT :answer FROM inv_try('row2', '{A}', '{1}', '{attic}', strict => false);
SELECT count(*) FROM inv_stock WHERE location = 'attic';
SELECT status, state FROM inv_cancel('row');
SELECT stocked();

-- reserved stays a number that every client can count, though more could be sold
SELECT o.sku FROM inv_set_limits('O', 'shop', backorder_limit => 9007199254740991) o;
SELECT status, on_hand FROM inv_receive('O', 100, 'shop');
SELECT status, state FROM inv_try('most', '{O}', '{9007199254740990}', '{shop}');
SELECT refused($$SELECT inv_try('most2', '{O}', '{2}', '{shop}')$$);
SELECT refused($$SELECT inv_try('most2', '{O,O}', '{1,1}', '{shop}', strict => false)$$, true);
SELECT status, state FROM inv_try('most2', '{O}', '{1}', '{shop}');
SELECT status, available FROM inv_deduct('O', 1, 'shop');
SELECT o.state, c.state FROM inv_cancel('most') o, inv_cancel('most2') c;
SELECT status, on_hand FROM inv_adjust('O', 0, 'shop');
SELECT stocked();

-- what an adjustment leaves below what is held stays held, and can be confirmed
SELECT status FROM inv_try('short', '{A}', '{4}');
SELECT status, on_hand, reserved, available FROM inv_adjust('A', 1);
SELECT :answer FROM inv_confirm('short');
SELECT news();
SELECT stocked();

-- sources: the first that has enough, in the order given
SELECT :answer FROM inv_try('src1', '{A,B}', '{4,1}', sources => '{main,shop}');
SELECT news();
-- that is what it holds, wherever there is more by now
SELECT status, on_hand FROM inv_receive('A', 100, 'shop');
SELECT :answer FROM inv_try('src1', '{A,B}', '{4,1}', sources => '{main,shop}');
SELECT :answer FROM inv_confirm('src1');
SELECT news();
SELECT stocked();
-- split: one line that holds at two locations; sellable ones by priority
SELECT :answer FROM inv_try('src2', '{A}', '{12}', sources => '{}');
SELECT news();
SELECT lines, units FROM inv_open_holds;
-- a part of it is taken where the order of preference says
SELECT :answer FROM inv_confirm('src2', quantities => '{3}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('src2', quantities => '{11}');
SELECT news();
SELECT stocked();
-- what is swept goes back to where it was held, one movement for each stock row
SELECT status, state FROM inv_try('src7', '{A,B,A}', '{6,1,6}', sources => '{main,shop}');
CALL make_older('src7', '1 hour');
SELECT news();
SELECT inv_expire_holds();
SELECT news();
SELECT stocked();
SELECT status, state FROM inv_try('three', '{A,B,A,A}', '{1,2,1,2}');
CALL make_older('three', '1 hour');
SELECT up_to_date();
SELECT inv_expire_holds();
SELECT news();
SELECT stocked();
-- shares are dealt to the lines in their order
SELECT :answer FROM inv_try('src3', '{A,B,A}', '{4,1,4}', sources => '{main,shop}');
SELECT news();
SELECT status, state FROM inv_cancel('src3');
SELECT stocked();
SELECT :answer FROM inv_try('src3b', '{A,B,A}', '{6,1,6}', sources => '{main,shop}');
SELECT news();
SELECT :answer FROM inv_confirm('src3b', quantities => '{6,0,0}');
SELECT news();
SELECT stocked();
-- refused: the sums over the candidates, no location
SELECT :answer FROM inv_try('src4', '{B,A}', '{1,16}', sources => '{main,shop}', strict => false);
SELECT :answer FROM inv_try('src5', '{B,A}', '{1,1}', sources => '{main,x}', strict => false);
SELECT refused($$SELECT inv_try('src6', '{B,A}', '{1,16}', sources => '{main,shop}')$$);
SELECT news();

-- bundles: their components are held
SELECT :answer FROM inv_try('set', '{SET,cup}', '{3,2}');
SELECT news();
SELECT inv_available('SET'), inv_available('cup');
SELECT lines, units FROM inv_open_holds;
SELECT refused($$SELECT inv_confirm('set', quantities => '{4,2}')$$);
SELECT :answer FROM inv_confirm('set', quantities => '{1,1}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('set', quantities => '{2,1}');
SELECT news();
SELECT :answer FROM inv_confirm('set', quantities => '{2,1}');
SELECT stocked();
-- nested, and summed with plain lines
SELECT :answer FROM inv_try('party', '{B,PARTY}', '{2,1}');
SELECT news();
SELECT :answer FROM inv_cancel('party');
SELECT news();
-- refused: of the bundle how many there are; of a plain line how many units
SELECT :answer FROM inv_try('set2', '{A,SET}', '{1,6}', strict => false);
SELECT refused($$SELECT inv_try('set3', '{A,SET}', '{1,6}')$$);
SELECT refused($$SELECT inv_deduct_many('{A,SET}', '{1,6}')$$);
-- from several locations
SELECT :answer FROM inv_try('set4', '{SET}', '{6}', sources => '{shop,main}');
SELECT news();
SELECT :answer FROM inv_confirm('set4', quantities => '{5}');
SELECT news();
SELECT stocked();
-- what the bundle consists of was settled by the try
SELECT status, state FROM inv_try('set5', '{SET}', '{2}');
SELECT news();
DELETE FROM inv_bundle WHERE sku = 'PARTY';
UPDATE inv_bundle SET quantity = 1 WHERE component_sku = 'saucer';
SELECT :answer FROM inv_try('set5', '{SET}', '{2}');
SELECT :answer FROM inv_confirm('set5', quantities => '{1}');
SELECT news();
SELECT stocked();

-- an item that is not sold any more: not tried, but what is held is confirmed
SELECT status FROM inv_receive('OLD', 9);
SELECT status, state FROM inv_try('old', '{OLD}', '{4}');
SELECT status, state FROM inv_try('old2', '{OLD}', '{3}');
SELECT news();
UPDATE inv_item SET active = false WHERE sku = 'OLD';
SELECT :answer FROM inv_try('old', '{OLD}', '{4}');
SELECT :answer FROM inv_try('old3', '{OLD}', '{1}', strict => false);
SELECT :answer FROM inv_extend('old', 60);
SELECT :answer FROM inv_confirm('old', quantities => '{3}');
SELECT :answer FROM inv_cancel('old2');
SELECT news();
UPDATE inv_item SET active = true WHERE sku = 'OLD';
-- it cannot go while it is held, nor be renamed
SELECT status, state FROM inv_try('stay', '{OLD}', '{4}');
SELECT refused($$DELETE FROM inv_item WHERE sku = 'OLD'$$, true), refused($$UPDATE inv_item SET sku = 'NEW' WHERE sku = 'OLD'$$, true);
SELECT refused($$DELETE FROM inv_location WHERE location = 'shop'$$, true), refused($$UPDATE inv_location SET location = 'new' WHERE location = 'main'$$, true);
SELECT :answer FROM inv_confirm('stay');
SELECT news();

-- reacquire: while it is reserved, as any
SELECT stocked();
SELECT status, state FROM inv_try('re1', '{A,B}', '{3,4}', on_expiry => 'reacquire');
CALL make_older('re1', '1 hour');
SELECT :answer FROM inv_try('re1', '{A,B}', '{3,4}', on_expiry => 'reacquire');
SELECT :answer FROM inv_confirm('re1');
SELECT news();
-- given back by the sweep, and taken again, also in part: reserved stays as it is
SELECT status, state FROM inv_try('re2', '{A,B,A}', '{1,4,1}', on_expiry => 'reacquire', reference => 'order 9');
CALL make_older('re2', '1 hour');
SELECT inv_expire_holds();
SELECT news();
SELECT :answer FROM inv_try('re2', '{A,B,A}', '{1,4,1}', on_expiry => 'reacquire', reference => 'order 9');
SELECT refused($$SELECT inv_try('re2', '{A,B}', '{2,4}', on_expiry => 'reacquire', reference => 'order 9')$$, true);
SELECT refused($$SELECT inv_extend('re2', 60)$$);
SELECT :answer FROM inv_confirm('re2', quantities => '{1,3,1}');
SELECT news();
SELECT :answer FROM inv_confirm('re2', quantities => '{1,3,1}');
SELECT refused($$SELECT inv_confirm('re2')$$, true);
-- nothing is held; what is not confirmed may be reacquired until somebody decides
SELECT stocked();
SELECT status, state FROM inv_try('re5', '{A,B}', '{1,4}', on_expiry => 'reacquire');
SELECT status, state FROM inv_try('re6', '{A,B}', '{1,4}', on_expiry => 'reacquire');
CALL make_older('re5', '1 hour');
CALL make_older('re6', '1 hour');
SELECT inv_expire_holds();
SELECT up_to_date();
SELECT :answer FROM inv_confirm('re5', release_rest => false);
SELECT :answer FROM inv_confirm('re6', quantities => '{0,3}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('re6', quantities => '{0,3}');
SELECT refused($$SELECT inv_confirm('re6', quantities => '{1,3}')$$, true);
-- or it is not there any more: as inv_deduct_many raises it, and it stays expired
SELECT stocked();
SELECT status, state FROM inv_try('re3', '{B,A}', '{1,3}', on_expiry => 'reacquire');
CALL make_older('re3', '1 hour');
SELECT inv_expire_holds();
SELECT status, on_hand FROM inv_deduct('A', 4);
SELECT news();
SELECT everything() AS before \gset
SELECT split_part(refused($$SELECT inv_confirm('re3')$$), E'\n  HINT', 1);
-- strict is no argument of inv_confirm, so no hint names it
SELECT refused($$SELECT inv_confirm('re3')$$) LIKE '%strict%' AS misleading;
SELECT refused($$SELECT inv_confirm('re3', quantities => '{1,2}')$$, true);
SELECT everything() = :'before' AS nothing_changed;
UPDATE inv_item SET active = false WHERE sku = 'B';
SELECT refused($$SELECT inv_confirm('re3')$$);
-- not asked for, it need not be sold any more
SELECT refused($$SELECT inv_confirm('re3', quantities => '{0,2}')$$, true);
UPDATE inv_item SET active = true WHERE sku = 'B';
-- when it has come it is taken
SELECT status, on_hand FROM inv_receive('A', 2);
SELECT :answer FROM inv_confirm('re3');
SELECT news();
-- a part is taken, and the rest may still be
SELECT status, state FROM inv_try('re9', '{B}', '{6}', on_expiry => 'reacquire');
CALL make_older('re9', '1 hour');
SELECT inv_expire_holds();
SELECT news();
SELECT :answer FROM inv_confirm('re9', quantities => '{2}', release_rest => false);
SELECT :answer FROM inv_confirm('re9', quantities => '{2}', release_rest => false);
SELECT xid, state, lines, units FROM inv_open_holds WHERE xid = 're9';
SELECT :answer FROM inv_confirm('re9', quantities => '{5}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('re9');
SELECT news();
-- or it is given up
SELECT status, state FROM inv_try('re4', '{B}', '{1}', on_expiry => 'reacquire');
CALL make_older('re4', '1 hour');
SELECT inv_expire_holds();
SELECT news();
SELECT :answer FROM inv_cancel('re4');
SELECT :answer FROM inv_cancel('re4');
SELECT news();
SELECT count(*) FROM inv_hold_line;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA hold_lines CASCADE;
