--
-- inv_apply: several operations as one change, as JSON
--
CREATE SCHEMA apply;
CREATE EXTENSION inventory SCHEMA apply;
SET search_path = apply;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('A', 'Apple', 0, 0), ('B', 'Bread', 0, 0), ('O', 'Oil', 0, 5), ('OLD', 'Old', 0, 0);
INSERT INTO inv_location (location, priority) VALUES ('main', 2), ('shop', 1);
CREATE FUNCTION ledger(after bigint) RETURNS SETOF text LANGUAGE sql AS $$
  SELECT concat_ws(' ', kind, sku, location, on_hand_delta, 'ref=' || reference, 'why=' || reason, 'key=' || key)
    FROM inv_movement WHERE movement_id > after ORDER BY sku, location, kind $$;

-- every operation; names that are not given, or null, are as in the calls
SELECT :outcome FROM inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":20},
  {"op":"receive","sku":"B","quantity":10,"location":"shop"}, {"op":"receive","sku":"OLD","quantity":3,"location":null}]}');
UPDATE inv_item SET active = false WHERE sku = 'OLD';
SELECT :outcome FROM inv_apply('{"key":"k1","reference":"order-1","reason":"sold","strict":true,"occurred_at":"2020-02-03T04:05:06Z",
  "lines":[{"op":"deduct","sku":"A","quantity":3},{"op":"deduct","sku":"B","quantity":4,"location":"shop"},{"op":"deduct","sku":"A","quantity":1,"location":"main"}]}');
SELECT kind, sku, location, on_hand_delta, version, reference, reason, key, occurred_at = '2020-02-03T04:05:06Z'
  FROM inv_movement WHERE key = 'k1' ORDER BY sku;
SELECT :outcome FROM inv_apply('{"lines":[{"op":"adjust","sku":"A","counted":15},{"op":"adjust","sku":"OLD","counted":0},{"op":"adjust","sku":"A","counted":2}]}');
-- a transfer is two rows: from, to
SELECT :outcome FROM inv_apply('{"lines":[{"op":"transfer","sku":"A","quantity":5,"from_location":"main","to_location":"shop"},
  {"op":"transfer","sku":"B","quantity":1,"from_location":"shop"}]}');
-- a return is one row for each stock row given back to
SELECT :outcome FROM inv_apply('{"lines":[{"op":"return","of_key":"k1","quantity":1,"sku":"A"},{"op":"return","of_key":"k1","sku":"B","location":"main"}]}');
SELECT line, sku, location, quantity FROM inv_apply('{"lines":[{"op":"return","of_key":"k1"}]}');
-- all of them in one call: one movement for each row and kind, one key
SELECT count(*) FROM inv_apply('{"key":"k2","lines":[{"op":"deduct","sku":"A","quantity":2}]}');
SELECT max(movement_id) AS last FROM inv_movement \gset
SELECT line, status, sku, location, quantity, on_hand FROM inv_apply('{"key":"all","reference":"mix","lines":[
  {"op":"deduct","sku":"A","quantity":3},
  {"op":"receive","sku":"A","quantity":10},
  {"op":"transfer","sku":"A","quantity":4,"to_location":"shop"},
  {"op":"return","of_key":"k2"},
  {"op":"deduct","sku":"A","quantity":1},
  {"op":"adjust","sku":"B","counted":9},
  {"op":"deduct","sku":"O","quantity":2}]}');
SELECT ledger(:last);
SELECT count(*), bool_and(replayed) FROM inv_apply('{"lines":[
  {"quantity":3,"op":"deduct","sku":"A"}, {"op":"receive","sku":"A","quantity":10}, {"op":"transfer","sku":"A","quantity":4,"to_location":"shop","keep":null},
  {"op":"return","of_key":"k2"}, {"op":"deduct","sku":"A","quantity":1}, {"op":"adjust","sku":"B","counted":9.0}, {"op":"deduct","sku":"O","quantity":2}],
  "key":"all","reference":"mix","strict":false,"reason":null}');
SELECT DISTINCT version FROM inv_apply('{"key":"v","lines":[{"op":"receive","sku":"B","quantity":1},{"op":"deduct","sku":"B","quantity":1}]}');
-- give and take of one row are netted for the check
SELECT line, status, on_hand FROM inv_apply('{"lines":[{"op":"deduct","sku":"A","quantity":20},{"op":"receive","sku":"A","quantity":2}]}');
SELECT line, status, location, on_hand FROM inv_apply('{"lines":[{"op":"transfer","sku":"A","quantity":9,"from_location":"main","to_location":"shop"},
  {"op":"transfer","sku":"A","quantity":9,"from_location":"shop","to_location":"main"}]}');
SELECT state() AS before \gset
SELECT :outcome FROM inv_apply('{"strict":false,"lines":[{"op":"deduct","sku":"A","quantity":20},{"op":"receive","sku":"A","quantity":19},{"op":"receive","sku":"B","quantity":1}]}');
-- refused: the same statuses as in the calls, nothing changed
SELECT line, status, sku, location, quantity, on_hand FROM inv_apply('{"strict":false,"lines":[{"op":"deduct","sku":"B","quantity":10},{"op":"deduct","sku":"OLD","quantity":1},
  {"op":"deduct","sku":"Z","quantity":1},{"op":"receive","sku":"B","quantity":1,"location":"x"},{"op":"transfer","sku":"A","quantity":1,"to_location":"y"},
  {"op":"transfer","sku":"A","quantity":10,"from_location":"shop"},{"op":"adjust","sku":"OLD","counted":4,"location":"shop","expected_version":1},{"op":"adjust","sku":"Z","counted":4,"location":"shop"},
  {"op":"deduct","sku":"O","quantity":1,"expected_version":7},{"op":"deduct","sku":"A","quantity":1,"location":"shop","keep":9}]}') WHERE line <> 10;
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"B","quantity":1},{"op":"deduct","sku":"A","quantity":3},{"op":"deduct","sku":"A","quantity":4}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"deduct","sku":"B","quantity":1},{"op":"deduct","sku":"B","quantity":7,"keep":2}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"transfer","sku":"A","quantity":9,"from_location":"shop","keep":1}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":9},{"op":"deduct","sku":"B","quantity":1,"expected_version":4}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":9},{"op":"receive","sku":"Z","quantity":1}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":9},{"op":"deduct","sku":"OLD","quantity":1}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":9},{"op":"transfer","sku":"B","quantity":1,"to_location":"y"}]}')$$);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"deduct","sku":"B","quantity":1,"location":"main","expected_version":4}]}')$$, true);
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"adjust","sku":"B","counted":1,"location":"main","expected_version":4}]}')$$, true);
-- returns always raise
SELECT refused(format($$SELECT inv_apply('{"strict":%s,"lines":[{"op":"receive","sku":"A","quantity":9},{"op":"return","of_key":%s}]}')$$, s, k))
  FROM unnest('{true,false}'::text[]) s, unnest('{"\"never\"","\"k1\""}'::text[]) k;
-- two returns of one key in one call: not more than was taken
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"return","of_key":"all","sku":"A","quantity":3},{"op":"return","of_key":"all","sku":"A","quantity":2}]}')$$, true);
SELECT state() = :'before' AS nothing_changed;
BEGIN;
SELECT line, sku, quantity, on_hand FROM inv_apply('{"lines":[{"op":"return","of_key":"all","sku":"A","quantity":3},{"op":"return","of_key":"all","sku":"A","quantity":1}]}');
ROLLBACK;

-- sources, as in inv_deduct_many
SELECT line, location, quantity, on_hand FROM inv_apply('{"key":"src","lines":[{"op":"deduct","sku":"B","quantity":10,"sources":["shop","main"]},{"op":"deduct","sku":"A","quantity":1,"sources":[]}]}');
SELECT line, status, location, on_hand, available FROM inv_apply('{"strict":false,"lines":[{"op":"deduct","sku":"B","quantity":10,"sources":["shop","main"]},{"op":"deduct","sku":"A","quantity":1,"sources":["shop","x"]},{"op":"receive","sku":"A","quantity":1}]}');
-- the same request is the same, whatever is sellable by then
BEGIN;
UPDATE inv_location SET sellable = false;
SELECT line, location, on_hand, replayed FROM inv_apply('{"key":"any","lines":[{"op":"deduct","sku":"B","quantity":1,"sources":[]}]}');
UPDATE inv_location SET sellable = true;
SELECT line, location, on_hand, replayed FROM inv_apply('{"key":"any","lines":[{"op":"deduct","sku":"B","quantity":1,"sources":[]}]}');
ROLLBACK;
-- the same lines, the same answer as inv_deduct_many, and another digest
BEGIN;
SELECT :outcome FROM inv_deduct_many('{B,O,B}', '{1,1,2}', reference => 'r', key => 'same');
ROLLBACK;
BEGIN;
SELECT :outcome FROM inv_apply('{"reference":"r","key":"same","lines":[{"op":"deduct","sku":"B","quantity":1},{"op":"deduct","sku":"O","quantity":1},{"op":"deduct","sku":"B","quantity":2}]}');
SELECT refused($$SELECT inv_deduct_many('{B,O,B}', '{1,1,2}', reference => 'r', key => 'same')$$, true);
SELECT refused($$SELECT inv_apply('{"reference":"r","key":"same","lines":[{"op":"deduct","sku":"B","quantity":1},{"op":"deduct","sku":"O","quantity":1},{"op":"receive","sku":"B","quantity":2}]}')$$, true);
SELECT refused($$SELECT inv_apply('{"reference":"s","key":"same","lines":[{"op":"deduct","sku":"B","quantity":1},{"op":"deduct","sku":"O","quantity":1},{"op":"deduct","sku":"B","quantity":2}]}')$$, true);
SELECT key, function, cardinality(outcomes) FROM inv_request WHERE key IN ('all', 'same') ORDER BY key;
ROLLBACK;

-- a count and something else of the same row: both lines are named
SELECT state() AS before \gset
SELECT regexp_replace(refused(format($$SELECT inv_apply('{"strict":false,"lines":[{"op":"receive","sku":"O","quantity":1},%s]}')$$, l)), '\n.*', '') FROM unnest('{
  "{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1},{\"op\":\"deduct\",\"sku\":\"A\",\"quantity\":1}",
  "{\"op\":\"receive\",\"sku\":\"A\",\"quantity\":1},{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1}",
  "{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1,\"location\":\"shop\"},{\"op\":\"transfer\",\"sku\":\"A\",\"quantity\":1,\"to_location\":\"shop\"}",
  "{\"op\":\"transfer\",\"sku\":\"A\",\"quantity\":1,\"to_location\":\"shop\"},{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1}",
  "{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1},{\"op\":\"return\",\"of_key\":\"all\",\"sku\":\"A\"}",
  "{\"op\":\"adjust\",\"sku\":\"A\",\"counted\":1,\"location\":\"main\"},{\"op\":\"deduct\",\"sku\":\"A\",\"quantity\":1,\"sources\":[\"main\"]}"}'::text[]) l;
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"B","quantity":1},{"op":"adjust","sku":"A","counted":1},{"op":"receive","sku":"A","quantity":1}]}')$$) ~ 'line.* 2\y.* 3\y' AS both_named;
SELECT state() = :'before' AS nothing_changed;
BEGIN READ ONLY;
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"receive","sku":"A","quantity":1}]}')$$);
COMMIT;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA apply CASCADE;
