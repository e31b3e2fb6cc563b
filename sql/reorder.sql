--
-- inv_reorder_list, and the statistics over the ledger
--
CREATE SCHEMA reorder;
CREATE EXTENSION inventory SCHEMA reorder;
SET search_path = reorder;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
SET timezone = 'UTC';
INSERT INTO inv_location (location, sellable) VALUES ('shop', true), ('cellar', false);
INSERT INTO inv_item (sku, reorder_point, target_level, safety_stock, unit_price, currency)
  VALUES ('fast', 10, 100, 1, 2.50, 'EUR'), ('slow', 10, NULL, 0, 10, 'EUR'), ('full', 10, 50, 0, 1, 'EUR'),
         ('never', 10, 30, 0, NULL, NULL), ('off', 10, 30, 0, 3, 'USD'), ('plain', NULL, NULL, 0, 4, 'USD'),
         ('owed', 0, 10, 0, 1, 'EUR');
UPDATE inv_item SET backorder_limit = 20 WHERE sku = 'owed';
-- at_day - makes the movements of a reference that many days older
CREATE PROCEDURE at_day(which text, days int) LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL session_replication_role = replica;
  UPDATE inv_movement SET recorded_at = recorded_at - days * interval '24 hours',
    occurred_at = occurred_at - days * interval '24 hours' WHERE reference = which;
END $$;
SELECT sku, on_hand FROM inv_receive_many('{fast,slow,full,never,off,plain,owed}',
  '{90,20,40,5,5,7,10}', reference => 'first');
SELECT count(*) FROM inv_receive('fast', 30, 'cellar', reference => 'first');
CALL at_day('first', 200);
SELECT count(*) FROM inv_reorder_list();
-- sold long ago, and lately
SELECT count(*) FROM inv_deduct_many('{fast,slow,plain}', '{10,4,1}', reference => 'old');
CALL at_day('old', 100);
SELECT count(*) FROM inv_deduct_many('{fast,slow,full}', '{72,8,14}', reference => 'lately', key => 'k');
SELECT count(*) FROM inv_return('k', 2, 'fast');
SELECT count(*) FROM inv_deduct('fast', 2);
SELECT state FROM inv_try('h', '{fast,owed}', '{6,12}', reference => 'hold');
SELECT state FROM inv_confirm('h', quantities => '{4,12}');
CALL at_day('hold', 27);
SELECT state FROM inv_try('h2', '{fast}', '{1}');
UPDATE inv_item SET active = false WHERE sku = 'off';
SELECT count(*) FROM inv_transfer('fast', 28, 'cellar', 'shop');

-- the most urgent first; nothing of what is inactive or where nothing is sold
SELECT sku, location, on_hand, reserved, available, reorder_point, target_level FROM inv_reorder_list();
SELECT sku, location, daily_rate, days_left, suggested, alert FROM inv_reorder_list();
-- over another time
SELECT sku, location, daily_rate, days_left, suggested FROM inv_reorder_list(7);
SELECT sku, location, daily_rate, days_left, suggested FROM inv_reorder_list(120);
-- the same by hand, from the views
SELECT r.sku, r.suggested = coalesce(l.target_level, l.reorder_point + r.sold) - (l.on_hand - l.reserved) AS same
  FROM (SELECT sku, location, suggested, round(daily_rate * 28) AS sold FROM inv_reorder_list()) r
  JOIN inv_stock_level l USING (sku, location) ORDER BY 1;
-- beyond the target, as on the way out of a count: nothing to order
SELECT count(*) FROM inv_set_limits('slow', reorder_point => 50, target_level => 5);
SELECT sku, on_hand, reorder_point, target_level, suggested, alert FROM inv_reorder_list() WHERE sku = 'slow';
-- numbers at their ends
SELECT count(*) FROM inv_set_limits('plain', 'shop', reorder_point => 9007199254740991);
SELECT count(*) FROM inv_receive('plain', 9007199254740000, 'shop');
SELECT count(*) FROM inv_deduct('plain', 9007199254740000, 'shop');
SELECT count(o.on_hand) FROM generate_series(1, 3) g,
  LATERAL (SELECT * FROM inv_receive('plain', 9007199254740000 + g, 'shop') r
    UNION ALL SELECT * FROM inv_deduct('plain', 9007199254740000 + g, 'shop')) o;
SELECT sku, location, days_left, suggested FROM inv_reorder_list(3650) WHERE sku = 'plain';
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_reorder_list(0)');
SELECT refused('SELECT inv_reorder_list(3651)');
SELECT refused('SELECT inv_reorder_list(NULL)');
\pset tuples_only off
\pset format aligned
SELECT attname, atttypid::regtype FROM pg_attribute
  WHERE attrelid = 'inv_reorder'::regclass AND attnum > 0 ORDER BY attnum;

-- per SKU and day: every kind of movement, in units
SELECT count(*) FROM inv_adjust('full', 20, reference => 'count');
SELECT count(*) FROM inv_adjust('never', 6);
SELECT d.sku, current_date - d.day AS days_ago, received, sold, returned, adjusted, transferred
  FROM inv_daily_movements d WHERE sku <> 'plain' ORDER BY 1, 2;
SELECT sku, sum(received + returned + adjusted - sold) = (SELECT sum(on_hand) FROM inv_stock s
    WHERE s.sku = d.sku) AS adds_up FROM inv_daily_movements d GROUP BY sku ORDER BY sku;
-- a day is that of the session, and of when it happened
SELECT count(*) FROM inv_receive('off', 1, occurred_at => '2020-02-02 23:30+00');
SELECT sku, day FROM inv_daily_movements WHERE day < '2020-03-01';
SET timezone = 'Asia/Tokyo';
SELECT sku, day FROM inv_daily_movements WHERE day < '2020-03-01';
SET timezone = 'UTC';

-- turnover: 73 units for 50 days, again 73 for 50 days, all of them sold
INSERT INTO inv_item (sku) VALUES ('turn'), ('still'), ('gone');
SELECT count(*) FROM inv_receive('turn', 73, reference => 't1');
SELECT count(*) FROM inv_deduct('turn', 73, reference => 't2', key => 't2');
SELECT count(*) FROM inv_receive('turn', 73, reference => 't3');
SELECT count(*) FROM inv_deduct('turn', 73, reference => 't4');
SELECT count(*) FROM inv_receive_many('{still,gone}', '{10,5}', reference => 't1');
SELECT count(*) FROM inv_deduct('gone', 5, reference => 't0');
CALL at_day('t0', 500);
CALL at_day('t1', 150);
CALL at_day('t2', 100);
CALL at_day('t3', 60);
CALL at_day('t4', 10);
SELECT * FROM inv_turnover WHERE sku IN ('turn', 'still') ORDER BY sku;
-- some of a sale came back, and some of that was sold by a hold
SELECT on_hand FROM inv_return('t2', 30);
SELECT state FROM inv_try('turn', '{turn}', '{10}');
SELECT state FROM inv_confirm('turn');
SELECT sku, sold, average_on_hand, turnover, days_of_stock FROM inv_turnover WHERE sku = 'turn';
SELECT attname, atttypid::regtype FROM pg_attribute
  WHERE attrelid = 'inv_turnover'::regclass AND attnum > 0 ORDER BY attnum;

-- dead stock: nothing sold for 90 days, or ever
SELECT sku, location, on_hand, current_date - last_sold_at::date AS days_ago, value
  FROM inv_dead_stock ORDER BY sku, location;
SELECT on_hand FROM inv_deduct('off', 1, strict => false);
SELECT on_hand FROM inv_deduct('never', 1);
SELECT sku, location FROM inv_dead_stock WHERE sku IN ('never', 'off');

-- what it is worth; not known where something has no price
SELECT * FROM inv_stock_value ORDER BY location, currency;
UPDATE inv_item SET unit_price = 1 WHERE unit_price IS NULL;
SELECT * FROM inv_stock_value ORDER BY location, currency;
SELECT sum(units) = (SELECT sum(on_hand) FROM inv_stock) AS all_units FROM inv_stock_value;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA reorder CASCADE;
