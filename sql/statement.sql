--
-- Calls in every kind of statement and transaction
--
CREATE SCHEMA statement;
CREATE EXTENSION inventory SCHEMA statement;
SET search_path = statement;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) SELECT 'I' || g, 'Item' FROM generate_series(1, 100) g;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
SELECT :outcome FROM inv_receive('A', 100);

-- several calls in one statement: each sees those before it
SELECT x.on_hand, y.on_hand, z.on_hand
  FROM inv_deduct('A', 1) x, inv_deduct('A', 2) y, inv_receive('A', 1) z;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'A';
SELECT (inv_deduct('A', 1)).on_hand;
SELECT (SELECT on_hand FROM inv_deduct('A', 1)), (SELECT on_hand FROM inv_deduct('A', 1));
-- once per row
SELECT g, o.on_hand, o.version
  FROM generate_series(1, 3) g CROSS JOIN LATERAL inv_deduct('A', g) o;
-- one after the other until there is no more, in one statement
SELECT status, count(*), min(on_hand), sum(quantity)
  FROM generate_series(1, 20) g, LATERAL inv_deduct('A', 8, reference => 'g' || g, strict => false)
  GROUP BY status ORDER BY status;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'A';
-- many rows of many items
SELECT count(*), sum(o.on_hand), bool_and(o.status = 'ok') AS all_ok
  FROM inv_item i, LATERAL inv_receive(i.sku, 10) o WHERE i.sku LIKE 'I%';
SELECT count(*), sum(o.on_hand), count(DISTINCT o.movement_id)
  FROM inv_item i, LATERAL inv_deduct(i.sku, 3) o WHERE i.sku LIKE 'I%';
SELECT count(*), min(available), max(available) FROM inv_stock_level WHERE sku LIKE 'I%';

-- in a CTE, run once though read twice, run though not read at all
SELECT on_hand FROM inv_receive('B', 50);
WITH d AS MATERIALIZED (SELECT * FROM inv_deduct('B', 1))
  SELECT a.on_hand, b.on_hand FROM d a, d b;
CREATE TABLE sale (sku text, quantity bigint, left_over bigint);
WITH d AS (SELECT * FROM inv_deduct('B', 2))
  INSERT INTO sale SELECT sku, quantity, on_hand FROM d RETURNING *;
INSERT INTO sale SELECT sku, quantity, on_hand FROM inv_deduct('B', 3) RETURNING *;
UPDATE sale s SET left_over = (SELECT d.on_hand FROM inv_deduct(s.sku, s.quantity) d) RETURNING *;
-- an order and its stock commit or fail together
ALTER TABLE sale ADD CHECK (left_over >= 38);
INSERT INTO sale SELECT sku, quantity, on_hand FROM inv_deduct('B', 3);
SELECT on_hand FROM inv_stock_level WHERE sku = 'B';
ALTER TABLE sale DROP CONSTRAINT sale_left_over_check;
-- in a trigger
\set SHOW_CONTEXT never
CREATE FUNCTION take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT d.on_hand INTO STRICT NEW.left_over
    FROM inv_deduct(NEW.sku, NEW.quantity, reason => TG_NAME::text) d;
  RETURN NEW;
END $$;
CREATE TRIGGER take BEFORE INSERT ON sale FOR EACH ROW EXECUTE FUNCTION take();
INSERT INTO sale VALUES ('I1', 1), ('B', 99);
SELECT on_hand FROM inv_stock_level WHERE sku = 'I1';
INSERT INTO sale VALUES ('I1', 1), ('I1', 1), ('I2', 7) RETURNING *;
-- through a cursor: only the rows that are fetched
BEGIN;
DECLARE c CURSOR FOR SELECT o.on_hand FROM generate_series(1, 5) g, LATERAL inv_deduct('B', 1, reference => 'c' || g) o;
FETCH 2 FROM c;
CLOSE c;
COMMIT;
SELECT on_hand FROM inv_stock_level WHERE sku = 'B';

-- transactions and savepoints
BEGIN;
SELECT :outcome FROM inv_deduct('B', 1);
ROLLBACK;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'B';
BEGIN;
SELECT :outcome FROM inv_deduct('B', 1);
SAVEPOINT one;
SELECT :outcome FROM inv_deduct('B', 2);
SELECT inv_deduct('B', 99);
ROLLBACK TO one;
SELECT :outcome FROM inv_deduct('B', 3);
SAVEPOINT two;
SELECT :outcome FROM inv_receive('B', 1);
RELEASE two;
COMMIT;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'B';
SELECT on_hand_delta, version FROM inv_history('B', max_rows => 3);
-- the first receipt of an item rolled back, then done
INSERT INTO inv_item (sku, name) VALUES ('N', 'New');
BEGIN;
SELECT :outcome FROM inv_receive('N', 1);
ROLLBACK;
SELECT count(*) FROM inv_stock WHERE sku = 'N';
SELECT :outcome FROM inv_deduct('N', 1, strict => false);
BEGIN;
SAVEPOINT one;
SELECT :outcome FROM inv_receive('N', 2);
ROLLBACK TO one;
SELECT :outcome FROM inv_receive('N', 3);
COMMIT;

-- every isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT inv_available('N');
SELECT :outcome FROM inv_deduct('N', 1);
SELECT inv_available('N');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT :outcome FROM inv_deduct('N', 1);
SELECT :outcome FROM inv_deduct('N', 5, strict => false);
COMMIT;

-- plpgsql: exception blocks undo what was done in them, and only that
DO $$
DECLARE
  o inv_outcome;
BEGIN
  SELECT * INTO o FROM inv_receive('A', 10);
  BEGIN
    SELECT * INTO o FROM inv_deduct('A', 1);
    SELECT * INTO o FROM inv_deduct('A', 1000);
  EXCEPTION WHEN SQLSTATE 'IV001' THEN
    RAISE NOTICE 'refused, last seen on hand: %', o.on_hand;
  END;
  o := inv_deduct('A', 2);
  RAISE NOTICE '% %', o.status, o.on_hand;
  FOR i IN 1..3 LOOP
    BEGIN
      PERFORM inv_deduct('A', 3);
    EXCEPTION WHEN SQLSTATE 'IV001' THEN
      RAISE NOTICE 'refused in turn %', i;
    END;
  END LOOP;
END $$;
SELECT on_hand FROM inv_stock_level WHERE sku = 'A';
-- with commits and rollbacks inside
DO $$
BEGIN
  FOR i IN 1..6 LOOP
    PERFORM inv_receive('A', 1);
    IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
  END LOOP;
END $$;
SELECT on_hand FROM inv_stock_level WHERE sku = 'A';

-- prepared statements, past the change to a generic plan and a changed table
PREPARE sell(text, bigint, text) AS
  SELECT status, on_hand, version FROM inv_deduct($1, $2, reference => $3, strict => false);
EXECUTE sell('I9', 1, 'p-1');
EXECUTE sell('I9', 1, 'p-2');
EXECUTE sell('I9', 1, 'p-3');
EXECUTE sell('I9', 1, 'p-4');
EXECUTE sell('I9', 1, 'p-5');
EXECUTE sell('I9', 1, 'p-6');
EXECUTE sell('I9', 5, 'p-7');
EXECUTE sell('none', 1, NULL);
ALTER TABLE inv_item ADD COLUMN colour text DEFAULT 'red';
EXECUTE sell('I9', 1, 'p-8');
ALTER TABLE inv_item DROP COLUMN colour;
DISCARD PLANS;
EXECUTE sell('I8', 1, 'p-9');
DISCARD ALL;
SET search_path = statement;
SELECT on_hand FROM inv_deduct('I8', 1);
SELECT count(*) FROM inv_movement WHERE reference LIKE 'p-%';

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA statement CASCADE;
