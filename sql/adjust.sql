--
-- inv_adjust: the books say what was counted, now or then
--
CREATE SCHEMA adjust;
CREATE EXTENSION inventory SCHEMA adjust;
SET search_path = adjust;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, safety_stock, active) VALUES
  ('A', 'Apple', 0, true), ('S', 'Salt', 5, true), ('OLD', 'Old', 0, true), ('N', 'New', 2, true),
  ('C', 'Cheese', 0, true);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT sku, on_hand FROM unnest('{A,S,OLD}'::text[]) s, LATERAL inv_receive(s, 10) o;
UPDATE inv_item SET active = false WHERE sku = 'OLD';

-- more, less, the same, none
SELECT :outcome FROM inv_adjust('A', 12);
SELECT :outcome FROM inv_adjust('A', 7, 'main', 'count-1', 'breakage');
SELECT :outcome FROM inv_adjust('A', 7);
SELECT :outcome FROM inv_adjust('A', 0);
SELECT :outcome FROM inv_adjust('A', 9007199254740991);
SELECT :outcome FROM inv_adjust('A', 20, strict => false);
SELECT kind, on_hand_delta, reserved_delta, version, reference, reason
  FROM inv_movement WHERE sku = 'A' ORDER BY movement_id;
-- an item that is not sold any more is counted as well
SELECT :outcome FROM inv_adjust('OLD', 4);
-- what is available may fall below nothing: the shelf is right
SELECT :outcome FROM inv_adjust('S', 1);
SELECT :outcome FROM inv_deduct('S', 1, strict => false);
-- the first thing that is heard of a stock row, were it nothing
SELECT :outcome FROM inv_adjust('N', 0);
SELECT :outcome FROM inv_adjust('N', 3, 'shop');
SELECT sku, location, safety_stock FROM inv_stock_level WHERE sku = 'N' ORDER BY location;

-- refused
SELECT state() AS before \gset
SELECT :outcome FROM inv_adjust('none', 1, strict => false);
SELECT :outcome FROM inv_adjust('A', 1, 'x', strict => false);
SELECT :outcome FROM inv_adjust('A', 1, expected_version => 1, strict => false);
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_adjust('none', 1)$$);
SELECT refused($$SELECT inv_adjust('a', 1)$$);
SELECT refused($$SELECT inv_adjust('A', 1, 'x')$$);
SELECT refused(format($$SELECT inv_adjust(%s, strict => %L)$$, arguments, strict))
  FROM unnest('{true,false}'::boolean[]) strict, unnest('{
    "NULL, 1", "''A'', NULL", "''A'', -1", "''A'', 9007199254740992",
    "''A'', 1, counted_at => ''infinity''", "''A'', 1, counted_at => ''-infinity''"}'::text[]) arguments;
SELECT refused($$SELECT inv_adjust('A', 1, strict => NULL)$$);
SELECT left(refused(format($$SELECT inv_adjust('A', 1, reference => %L)$$, repeat('x', 256))), 90);
SELECT left(refused(format($$SELECT inv_adjust('A', 1, reason => %L)$$, repeat('x', 1001))), 90);
BEGIN READ ONLY;
SELECT refused($$SELECT inv_adjust('A', 1)$$);
SELECT refused($$SELECT inv_adjust('A', 1, strict => false)$$, true);
COMMIT;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- counted_at: the difference to the level of that time. Times in 2020 stand
-- for a history: received 100 on the 1st, 10 sold on each of the 3rd, 5th and 7th.
SELECT :outcome FROM inv_receive('C', 100, occurred_at => '2020-01-01');
SELECT count(*) FROM unnest('{3,5,7}'::int[]) day,
  LATERAL inv_deduct('C', 10, occurred_at => make_timestamptz(2020, 1, day, 12, 0, 0)) o;
-- level_at - what the books said then
CREATE FUNCTION level_at(wanted timestamptz) RETURNS numeric LANGUAGE sql AS $$
  SELECT s.on_hand - coalesce(sum(m.on_hand_delta) FILTER (WHERE m.occurred_at > wanted), 0)
    FROM inv_stock s LEFT JOIN inv_movement m USING (stock_id)
   WHERE s.sku = 'C' AND s.location = 'main' GROUP BY s.on_hand
$$;
CREATE FUNCTION delta_of(counted bigint, wanted timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
  o inv_outcome;
  was numeric := level_at(wanted);
BEGIN
  SELECT * INTO o FROM inv_adjust('C', counted, counted_at => wanted);
  RETURN (SELECT format('%s, counted %s: %s, on hand %s', was, counted, on_hand_delta, o.on_hand)
            FROM inv_movement WHERE movement_id = o.movement_id);
END $$;
-- the sheet of the 4th says 88, where the books said 90
BEGIN;
SELECT delta_of(88, '2020-01-04');
ROLLBACK;
-- a count that agrees changes nothing, and is on record
BEGIN;
SELECT delta_of(90, '2020-01-04');
SELECT delta_of(70, '2020-01-08');
SELECT kind, on_hand_delta, version FROM inv_history('C', max_rows => 2);
ROLLBACK;
-- the very moment of a sale: it was before the count
BEGIN;
SELECT delta_of(80, '2020-01-05 12:00');
SELECT delta_of(90, '2020-01-05 11:59:59.999999');
ROLLBACK;
-- before everything; after everything; later than now
BEGIN;
SELECT delta_of(0, '2019-12-31');
ROLLBACK;
BEGIN;
SELECT delta_of(5, '2019-12-31');
ROLLBACK;
BEGIN;
SELECT delta_of(60, '2020-01-09');
ROLLBACK;
BEGIN;
SELECT delta_of(60, now() + interval '1 year');
SELECT occurred_at <= clock_timestamp() AS past FROM inv_history('C', max_rows => 1);
ROLLBACK;
-- an adjustment itself occurred when it was counted: a later sheet of an earlier
-- day, an earlier sheet of a later day
BEGIN;
SELECT delta_of(88, '2020-01-04');
SELECT occurred_at = '2020-01-04' AS then FROM inv_history('C', max_rows => 1);
SELECT delta_of(100, '2020-01-02');
SELECT delta_of(78, '2020-01-06');
SELECT delta_of(68, '2020-01-08');
SELECT delta_of(60, now());
SELECT delta_of(88, '2020-01-04');
ROLLBACK;
-- goods that arrive late in the books: occurred before the count
BEGIN;
SELECT status FROM inv_receive('C', 7, occurred_at => '2020-01-02');
SELECT delta_of(97, '2020-01-04');
SELECT status FROM inv_receive('C', 7, occurred_at => '2020-01-06');
SELECT delta_of(97, '2020-01-04');
ROLLBACK;
-- transfers and returns count as well, and those of other rows do not
BEGIN;
SELECT count(*) FROM inv_receive('C', 50, 'shop');
SELECT count(*) FROM inv_transfer('C', 20, 'shop', 'main');
SELECT count(*) FROM inv_deduct('C', 5, key => 'k');
SELECT count(*) FROM inv_return('k', 2);
SELECT on_hand FROM inv_stock_level WHERE sku = 'C' AND location = 'main';
SELECT delta_of(71, '2020-01-08');
ROLLBACK;
-- a count may take what was sold since below zero
BEGIN;
SELECT delta_of(20, '2020-01-02');
SELECT available FROM inv_stock_level WHERE sku = 'C';
SELECT * FROM inv_verify();
ROLLBACK;
-- nor may it leave the range of quantities
BEGIN;
SELECT status FROM inv_receive('C', 9007199254740000, occurred_at => '2020-01-06');
SELECT refused($$SELECT inv_adjust('C', 9007199254740991, counted_at => '2020-01-04')$$, true);
ROLLBACK;
-- while keys and versions hold
SELECT on_hand, version, replayed FROM inv_adjust('C', 88, counted_at => '2020-01-04', key => 'sheet', expected_version => 4);
SELECT on_hand FROM inv_deduct('C', 1);
SELECT on_hand, version, replayed FROM inv_adjust('C', 88, counted_at => '2020-01-04', key => 'sheet', expected_version => 4);
SELECT on_hand FROM inv_stock_level WHERE sku = 'C';
-- an empty row, and one that is not there, at any time
SELECT on_hand FROM inv_adjust('N', 4, counted_at => '2020-01-01');
SELECT on_hand FROM inv_adjust('C', 4, 'shop', counted_at => '2020-01-01');
-- over many leaves
SET inventory.leaf_size = 10;
SELECT count(*) FROM generate_series(1, 50) g, LATERAL inv_deduct('C', 1, occurred_at => '2020-02-01'::timestamptz + g * interval '1 hour') o;
SELECT delta_of(47, '2020-02-02 00:30');
RESET inventory.leaf_size;

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA adjust CASCADE;
