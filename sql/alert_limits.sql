--
-- Alerts when not the level changes but what it is compared with; and the
-- states against a model of them, at random levels and limits
--
CREATE SCHEMA alert_limits;
CREATE EXTENSION inventory SCHEMA alert_limits;
SET search_path = alert_limits;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set alerts :srcdir '/sql/include/alerts.psql'
\set ECHO none
\i :helpers
\i :alerts
\set ECHO all
INSERT INTO inv_location (location, sellable) VALUES ('shop', true), ('cellar', false);
INSERT INTO inv_item (sku) VALUES ('A'), ('B'), ('C');
SELECT on_hand FROM inv_receive('A', 20);
SELECT on_hand FROM inv_receive('A', 20, 'shop');
SELECT on_hand FROM inv_receive('A', 20, 'cellar');
SELECT * FROM told();

-- limits of one row: each of them
SELECT available FROM inv_set_limits('A', reorder_point => 20);
SELECT available FROM inv_set_limits('A', safety_stock => 20);
SELECT available FROM inv_set_limits('A', safety_stock => 0, reorder_point => 19);
SELECT available FROM inv_set_limits('A', reorder_point => 17);
SELECT available FROM inv_set_limits('A', reorder_point => 16, target_level => 50);
SELECT * FROM told();
SELECT state FROM inv_try('h', '{A}', '{20}');
SELECT available FROM inv_set_limits('A', backorder_limit => 5);
SELECT on_hand FROM inv_adjust('A', 15);
SELECT on_hand FROM inv_adjust('A', 14);
SELECT available FROM inv_set_limits('A', backorder_limit => 6);
SELECT available FROM inv_set_limits('A', backorder_limit => 3);
SELECT state FROM inv_cancel('h');
SELECT on_hand FROM inv_receive('A', 6);
SELECT * FROM told();
-- the row follows its item again
SELECT available FROM inv_set_limits('A', reorder_point => 20);
SELECT available FROM inv_set_limits('A');
SELECT * FROM told();
-- a row that was not there: nothing is available, which is news
SELECT available FROM inv_set_limits('B', reorder_point => 5);
SELECT * FROM told();
-- refused, or rolled back: nothing
SELECT refused($$SELECT inv_set_limits('A', reorder_point => -1)$$, true);
BEGIN;
SELECT available FROM inv_set_limits('A', reorder_point => 20);
ROLLBACK;
SELECT * FROM told();

-- the item: its rows, in key order; not the one where nothing is sold
UPDATE inv_item SET reorder_point = 20 WHERE sku = 'A';
SELECT * FROM told();
UPDATE inv_item SET name = 'Apple' WHERE sku = 'A';
SELECT * FROM told();
UPDATE inv_item SET safety_stock = 25 WHERE sku = 'A';
SELECT * FROM told();
-- of what is not sold nobody need be warned, and then again
UPDATE inv_item SET active = false WHERE sku = 'A';
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('A', 3);
UPDATE inv_item SET safety_stock = 0, reorder_point = 3;
SELECT * FROM told();
UPDATE inv_item SET active = true;
SELECT * FROM told();
-- except that holds are not covered
SELECT on_hand FROM inv_receive('C', 9);
SELECT state FROM inv_try('c', '{C}', '{4}');
SELECT * FROM told();
UPDATE inv_item SET active = false WHERE sku = 'C';
SELECT on_hand FROM inv_adjust('C', 4);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('C', 3);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('C', 4);
SELECT on_hand FROM inv_adjust('C', 3);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('C', 5);
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('C', 3);
UPDATE inv_item SET active = true WHERE sku = 'C';
SELECT * FROM told();
SELECT on_hand FROM inv_adjust('C', 4);
SELECT * FROM told();

-- the location: closed
SELECT on_hand FROM inv_adjust('A', 3, 'shop');
SELECT on_hand FROM inv_receive('B', 2, 'shop');
SELECT * FROM told();
UPDATE inv_location SET name = 'The shop' WHERE location = 'shop';
UPDATE inv_location SET sellable = sellable;
SELECT * FROM told();
UPDATE inv_location SET sellable = false WHERE location = 'shop';
SELECT * FROM told();
SELECT on_hand FROM inv_deduct('A', 3, 'shop');
SELECT on_hand FROM inv_receive('C', 1, 'shop');
SELECT * FROM told();
-- and opened, many at once, in key order
UPDATE inv_location SET sellable = NOT sellable;
SELECT * FROM told();
BEGIN;
UPDATE inv_location SET sellable = NOT sellable;
SELECT on_hand FROM inv_adjust('A', 0);
SELECT * FROM told();
ROLLBACK;
-- closed and sold from in one transaction
BEGIN;
UPDATE inv_location SET sellable = false WHERE location = 'cellar';
SELECT on_hand FROM inv_deduct('A', 20, 'cellar');
COMMIT;
SELECT * FROM told();
SELECT * FROM astray;

-- expected_state - what the documentation says, at a margin of 20 %
CREATE FUNCTION expected_state(was int, level bigint, safety bigint, backorder bigint,
                               reorder bigint, watched boolean)
RETURNS int LANGUAGE sql AS $$
  WITH l AS (SELECT safety - backorder AS floor),
  t AS (SELECT floor, CASE WHEN NOT watched THEN -backorder - 1
      WHEN reorder > floor THEN reorder ELSE floor END AS t FROM l),
  n AS (SELECT floor, t, greatest(1, ceil(t * 0.2)) AS margin,
      CASE WHEN level < -backorder THEN 3 WHEN NOT watched THEN 0 WHEN level <= floor THEN 2
        WHEN level <= reorder THEN 1 ELSE 0 END AS by_level FROM t)
  SELECT CASE WHEN by_level >= was THEN by_level
      WHEN level > t + margin THEN 0
      WHEN NOT watched THEN CASE was WHEN 3 THEN 3 ELSE 0 END
      WHEN was < 3 THEN was
      WHEN by_level > 0 THEN by_level
      WHEN reorder > floor THEN 1 ELSE 2 END FROM n;
$$;
SELECT count(*) FROM inv_set_limits('B');
SELECT on_hand FROM inv_receive('B', 30, 'cellar');
-- a random walk of levels and limits: the states are those of the model
CREATE FUNCTION walk(steps int, OUT checked bigint, OUT changed bigint, OUT wrong text)
LANGUAGE plpgsql AS $$
DECLARE
  was inv_stock;
  s inv_stock;
  sells boolean;
  expected int;
BEGIN
  PERFORM setseed(0.6);
  checked := 0;
  changed := 0;
  FOR i IN 1..steps LOOP
    SELECT * INTO was FROM inv_stock WHERE sku = 'B' AND location = 'cellar';
    CASE (random() * 9)::int
      WHEN 0 THEN PERFORM inv_set_limits('B', 'cellar', safety_stock => (random() * 12)::bigint,
          backorder_limit => (random() * 6)::bigint, reorder_point => (random() * 25)::bigint);
      WHEN 1 THEN PERFORM inv_set_limits('B', 'cellar');
      WHEN 2 THEN UPDATE inv_item SET active = random() < 0.8, safety_stock = (random() * 12)::bigint,
          reorder_point = nullif((random() * 25)::bigint, 0) WHERE sku = 'B';
      WHEN 3 THEN UPDATE inv_location SET sellable = random() < 0.8 WHERE location = 'cellar';
      WHEN 4, 5 THEN PERFORM inv_try('walk' || i, '{B}', ARRAY[1 + (random() * 4)::bigint],
          '{cellar}', strict => false);
      WHEN 6 THEN PERFORM inv_cancel(xid) FROM inv_open_holds WHERE xid LIKE 'walk%';
      WHEN 7, 8 THEN PERFORM inv_adjust('B', (random() * 25)::bigint, 'cellar')
          WHERE random() < 0.5;
        PERFORM inv_deduct('B', 1 + (random() * 3)::bigint, 'cellar', strict => false);
      ELSE PERFORM inv_receive('B', 1 + (random() * 3)::bigint, 'cellar');
    END CASE;
    SELECT * INTO s FROM inv_stock WHERE sku = 'B' AND location = 'cellar';
    CONTINUE WHEN s.version > was.version + 1;
    SELECT sellable INTO sells FROM inv_location WHERE location = 'cellar';
    expected := expected_state(was.alert_state, s.on_hand - s.reserved, s.safety_stock,
      s.backorder_limit, s.reorder_point, sells AND s.active);
    checked := checked + 1;
    changed := changed + (s.alert_state <> was.alert_state)::int;
    IF s.alert_state <> expected OR EXISTS (SELECT FROM astray) THEN
      wrong := format('step %s: was %s is %s not %s', i, was, s, expected);
      RETURN;
    END IF;
  END LOOP;
END $$;
SELECT checked > 1500 AS checked, changed > 120 AS changed, wrong FROM walk(2000);
SELECT count(DISTINCT previous || kind) FROM inv_alert WHERE stock_id =
  (SELECT stock_id FROM inv_stock WHERE sku = 'B' AND location = 'cellar');
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA alert_limits CASCADE;
