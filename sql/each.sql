--
-- inv_deduct_each: every line as if it had been called by itself
--
CREATE SCHEMA "each";
CREATE EXTENSION inventory SCHEMA "each";
SET search_path = "each";
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('A', 'Apple', 0, 0), ('B', 'Bread', 0, 0), ('O', 'Oil', 0, 5), ('S', 'Salt', 3, 0), ('OLD', 'Old', 0, 0);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_receive_many('{A,B,O,S,OLD,A}', '{10,20,2,5,5,4}', '{main,main,main,main,main,shop}');
UPDATE inv_item SET active = false WHERE sku = 'OLD';
CREATE FUNCTION ledger(after bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', kind, sku, location, on_hand_delta, 'v' || version,
    'ref=' || reference, 'why=' || reason, 'key=' || key)
    FROM inv_movement WHERE movement_id > after ORDER BY movement_id $$;
SELECT coalesce(max(movement_id), 0) AS last FROM inv_movement \gset

-- one after another: what one line leaves is what the next one finds
SELECT :outcome FROM inv_deduct_each('{A,B,A,A,A}', '{4,1,7,6,1}');
-- every status beside every other, and the others are done
SELECT :outcome FROM inv_deduct_each('{Z,OLD,B,A,S,S,O,O,O,Z,A,B}', '{1,1,2,2,3,2,4,4,3,1,1,1}',
  '{main,main,main,shop,main,main,main,main,main,x,x,shop}');
-- one movement and one version for each line that was done, in their order
SELECT ledger(:last);
-- one location for all; the setting's; a row that the first backorder makes
SELECT :outcome FROM inv_deduct_each('{A,O,O}', '{1,2,2}', '{shop}');
SET inventory.default_location = 'shop';
SELECT :outcome FROM inv_deduct_each('{A,A}', '{2,1}');
RESET inventory.default_location;

-- a reference for each line, one reason for all, null where there is none
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT :outcome FROM inv_deduct_each('{B,B,B}', '{1,2,3}', line_references => '{order-1,NULL,order-2}', reason => 'sold');
SELECT ledger(:last);

-- a key for each line, or none
SELECT on_hand FROM inv_receive('A', 20);
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT :outcome FROM inv_deduct_each('{A,B,A,A}', '{1,2,3,99}', keys => '{a,b,NULL,no}', line_references => '{o1,o1,o2,o2}', reason => 'why');
SELECT ledger(:last);
-- again: those with a key are answered as before, the one without is done
-- again; the refusal is remembered though there is enough now
SELECT on_hand FROM inv_receive('A', 100);
SELECT :outcome FROM inv_deduct_each('{A,B,A,A}', '{1,2,3,99}', keys => '{a,b,NULL,no}', line_references => '{o1,o1,o2,o2}', reason => 'why');
-- a key is that of one inv_deduct: either is the replay of the other
SELECT :outcome FROM inv_deduct('A', 1, reference => 'o1', reason => 'why', key => 'a');
SELECT status, replayed FROM inv_deduct('A', 99, 'main', 'o2', 'why', 'no', strict => false);
SELECT refused($$SELECT inv_deduct('A', 99, 'main', 'o2', 'why', 'no')$$, true);
SELECT :outcome FROM inv_deduct('B', 1, key => 'single');
SELECT status FROM inv_deduct('OLD', 1, key => 'single-no', strict => false);
SELECT :outcome FROM inv_deduct_each('{B,OLD,B}', '{1,1,1}', '{main}', '{single,single-no,fresh}');
SELECT key, function, cardinality(outcomes), (outcomes[1]).line FROM inv_request ORDER BY key;
-- a key twice in one call: the second is a replay of the first
SELECT :outcome FROM inv_deduct_each('{B,A,B,B}', '{2,2,2,2}', keys => '{twice,t2,twice,twice}');
-- also of a refusal, and of one that an item made right in between would mend
SELECT :outcome FROM inv_deduct_each('{B,Z,B,Z}', '{9,1,9,1}', keys => '{full,gone,full,gone}');
-- with other arguments it is an error, and nothing of the call is done
SELECT state() AS before, count(*) AS requests FROM inv_request \gset
SELECT refused($$SELECT inv_deduct_each('{A,B}', '{1,3}', keys => '{new,b}')$$);
SELECT refused($$SELECT inv_deduct_each('{A,B,A}', '{1,1,2}', keys => '{new,NULL,new}')$$);
SELECT refused($$SELECT inv_deduct_each('{A,A}', '{1,1}', '{main,shop}', '{new,new}')$$, true);
SELECT refused($$SELECT inv_deduct_each('{A,A}', '{1,1}', keys => '{new,new}', line_references => '{x,y}')$$, true);
SELECT refused($$SELECT inv_deduct_each('{A}', '{1}', keys => '{a}', line_references => '{o1}')$$, true);
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', key => 'a')$$, true);
SELECT refused($$SELECT inv_receive('A', 1, key => 'a')$$, true);
SELECT refused($$SELECT inv_deduct('A', 1, key => 'a')$$, true);
SELECT state() = :'before' AND count(*) = :requests AS nothing_changed FROM inv_request;
-- a key that another function has
SELECT status FROM inv_receive('A', 1, key => 'in');
SELECT refused($$SELECT inv_deduct_each('{B,A}', '{1,1}', keys => '{NULL,in}')$$);
-- what a line took comes back by its key
SELECT sku, quantity, on_hand FROM inv_return('twice');
SELECT refused($$SELECT inv_return('twice')$$, true);
SELECT refused($$SELECT inv_return('full')$$, true);

-- in the caller's transaction: rolled back it never happened
SELECT state() AS before, count(*) AS requests FROM inv_request \gset
BEGIN;
SELECT status FROM inv_deduct_each('{A,B}', '{1,1}', keys => '{r1,r2}');
SAVEPOINT s;
SELECT status, replayed FROM inv_deduct_each('{B,A}', '{1,1}', keys => '{r2,r3}');
ROLLBACK TO s;
SELECT status, replayed FROM inv_deduct_each('{A,A,B}', '{1,1,1}', keys => '{r3,r1,r2}');
ROLLBACK;
SELECT state() = :'before' AND count(*) = :requests AS nothing_changed FROM inv_request;
-- a line beyond the range of what a row holds is refused like any other
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('MAX', 'Most', 9007199254740991);
SELECT :outcome FROM inv_deduct_each('{MAX,MAX,MAX}', '{9007199254740990,2,1}');

-- a thousand lines, many on one row
INSERT INTO inv_item (sku, name) SELECT 'M' || g, 'Many' FROM generate_series(0, 9) g;
SELECT count(*) FROM inv_receive_many((SELECT array_agg('M' || g) FROM generate_series(0, 9) g), array_fill(60, ARRAY[10]));
SELECT status, count(*), sum(quantity), min(on_hand), max(version), count(DISTINCT movement_id)
  FROM inv_deduct_each((SELECT array_agg('M' || g % 10 ORDER BY g) FROM generate_series(1, 1000) g), array_fill(1, ARRAY[1000]),
    keys => (SELECT array_agg('k' || g ORDER BY g) FROM generate_series(1, 1000) g))
  GROUP BY status ORDER BY status;
SELECT count(*), bool_and(replayed), count(*) FILTER (WHERE status = 'ok'), bool_and(sku = 'M' || line % 10) AS in_order
  FROM inv_deduct_each((SELECT array_agg('M' || g % 10 ORDER BY g) FROM generate_series(1, 1000) g), array_fill(1, ARRAY[1000]),
    keys => (SELECT array_agg('k' || g ORDER BY g) FROM generate_series(1, 1000) g));
SELECT count(*) AS in_step FROM (SELECT version - lag(version) OVER (PARTITION BY sku ORDER BY movement_id) AS step
  FROM inv_movement WHERE sku LIKE 'M_' AND kind = 'deduct') m WHERE step = 1;
-- over several leaves in one call
SET inventory.leaf_size = 10;
SELECT count(*) FROM inv_receive_many(ARRAY['A'], ARRAY[1000]);
SELECT count(*), min(on_hand) FROM inv_deduct_each(array_fill('A'::text, ARRAY[100]), array_fill(10, ARRAY[100]));
RESET inventory.leaf_size;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA "each" CASCADE;
