--
-- Reading: inv_available, inv_stock_level, inv_history
--
CREATE SCHEMA history;
CREATE EXTENSION inventory SCHEMA history;
SET search_path = history;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- before there is anything
SELECT count(*) FROM inv_stock_level;
SELECT count(*) FROM inv_verify();
INSERT INTO inv_item (sku, name, backorder_limit, safety_stock)
  VALUES ('A', 'Apple', 0, 0), ('B', 'Bread', 7, 3), ('C', 'Cheese', 0, 5);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_history('A');

-- what can be taken where nothing was ever received: what a deduct would give
SELECT sku, inv_available(sku) FROM inv_item ORDER BY sku;
SELECT :outcome FROM inv_deduct('A', 1, strict => false);
SELECT :outcome FROM inv_deduct('B', 5, strict => false);

-- the ledger of two rows: two thirds of the movements at main, one at shop
SELECT count(o.movement_id) FROM generate_series(1, 60) g,
  LATERAL inv_receive('A', g, CASE WHEN g % 3 = 0 THEN 'shop' END, 'in-' || g) o;
SELECT count(o.movement_id) FROM generate_series(1, 60) g,
  LATERAL inv_deduct('A', g, CASE WHEN g % 3 = 0 THEN 'shop' END, 'out-' || g) o;
SELECT on_hand FROM inv_receive('C', 8);

-- newest first, at the default location
SELECT sku, location, kind, on_hand_delta, reserved_delta, version, reference
  FROM inv_history('A') LIMIT 4;
SELECT location, kind, on_hand_delta, version, reference FROM inv_history('A', 'shop', max_rows => 3);
SELECT count(*), count(DISTINCT movement_id), min(version), max(version),
       bool_and(location = 'main' AND sku = 'A') AS only_asked
  FROM inv_history('A', 'main');
SELECT count(*) FROM inv_history('A', 'shop');
SELECT bool_and(movement_id < before) AS descending FROM (
  SELECT movement_id, lag(movement_id) OVER () AS before FROM inv_history('A')) h;

-- max_rows: 100 unless said; never more than asked
SELECT max_rows, (SELECT count(*) FROM inv_history('A', max_rows => max_rows))
  FROM unnest('{1,2,79,80,81,1000,100000}'::integer[]) max_rows;
SELECT count(o.movement_id) FROM generate_series(1, 60) g, LATERAL inv_receive('A', 1, reference => 'more-' || g) o;
SELECT count(*) FROM inv_history('A');
-- before_id: the page after that row
SELECT min(movement_id) AS last_seen FROM (SELECT movement_id FROM inv_history('A', max_rows => 100)) p \gset
SELECT kind, on_hand_delta, version FROM inv_history('A', before_id => :last_seen, max_rows => 2);
-- page by page: all of them, once, in order
WITH RECURSIVE page(ids, lowest) AS (
    SELECT array_agg(movement_id), min(movement_id) FROM inv_history('A', max_rows => 7)
  UNION ALL
    SELECT p.ids || n.ids, n.lowest FROM page p, LATERAL (
      SELECT array_agg(movement_id) AS ids, min(movement_id) AS lowest
        FROM inv_history('A', before_id => p.lowest, max_rows => 7)) n
    WHERE n.ids IS NOT NULL)
SELECT cardinality(ids), ids = (
    SELECT array_agg(movement_id ORDER BY movement_id DESC)
      FROM inv_movement WHERE sku = 'A' AND location = 'main') AS all_in_order
  FROM page ORDER BY lowest LIMIT 1;
SELECT count(*) FROM inv_history('A', before_id => (SELECT min(movement_id) FROM inv_movement));
SELECT count(*) FROM inv_history('A', before_id => 9223372036854775807, max_rows => 1000);
SELECT count(*) FROM inv_history('A', before_id => -5);

-- bad arguments
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT * FROM inv_history('A', max_rows => 0)$$);
SELECT refused($$SELECT * FROM inv_history('A', max_rows => -1)$$);
SELECT refused($$SELECT * FROM inv_history('A', max_rows => 2147483647)$$);
SELECT refused($$SELECT * FROM inv_history('A', max_rows => NULL)$$);
SELECT refused($$SELECT * FROM inv_history(NULL)$$);
SELECT refused($$SELECT inv_available(NULL)$$);
SELECT refused($$SELECT * FROM inv_history('a')$$);
SELECT refused($$SELECT * FROM inv_history('A', 'x')$$);
SELECT refused($$SELECT inv_available('a')$$);
SELECT refused($$SELECT inv_available('A', 'x')$$);
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- the level view: the row, its floor and what is available
SELECT * FROM inv_stock_level ORDER BY sku, location;
UPDATE inv_item SET active = false, reorder_point = 4, target_level = 40 WHERE sku = 'C';
SELECT on_hand FROM inv_deduct('B', 1);
SELECT * FROM inv_stock_level ORDER BY sku, location;
-- the numbers of view, function and call are the same numbers
SELECT l.sku, l.location FROM inv_stock_level l
  WHERE l.available IS DISTINCT FROM inv_available(l.sku, l.location)
     OR l.available <> l.on_hand - l.reserved - l.floor
     OR l.floor <> l.safety_stock - l.backorder_limit;
-- both see what their own transaction did
BEGIN;
SELECT on_hand FROM inv_receive('A', 5);
SELECT inv_available('A'), (SELECT available FROM inv_stock_level WHERE sku = 'A' AND location = 'main');
SELECT kind, on_hand_delta FROM inv_history('A', max_rows => 1);
ROLLBACK;
SELECT inv_available('A');

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA history CASCADE;
