--
-- inv_verify: silent when all is right, and finds what was tampered with
--
CREATE SCHEMA verify;
CREATE EXTENSION inventory SCHEMA verify;
SET search_path = verify;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) SELECT chr(g), 'Item ' || chr(g) FROM generate_series(65, 70) g;
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('b', 'small letter', 5);
INSERT INTO inv_location (location) VALUES ('shop');
-- several leaves' worth of movements
SET inventory.leaf_size = 10;
SELECT count(o.movement_id) FROM generate_series(1, 5) g, inv_item i,
  unnest('{main,shop}'::text[]) l(location), LATERAL inv_receive(i.sku, g, l.location) o;
SELECT count(o.movement_id) FROM inv_item i, LATERAL inv_deduct(i.sku, 4) o;
SELECT on_hand FROM inv_deduct('b', 16);
RESET inventory.leaf_size;
SELECT * FROM inv_verify();

-- the leaf of one movement
CREATE FUNCTION leaf_of(wanted_sku text, wanted_version bigint) RETURNS text
LANGUAGE sql AS $$
  SELECT tableoid::regclass::text FROM inv_movement
   WHERE sku = wanted_sku AND location = 'main' AND version = wanted_version
$$;
-- tampering(what) - does it as only a superuser who switches the guard off
-- can, lets inv_verify look, and takes it back
CREATE FUNCTION tampering(command text) RETURNS SETOF inv_discrepancy
LANGUAGE plpgsql AS $$
DECLARE
  found inv_discrepancy[];
  n integer;
BEGIN
  BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE command;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = 0 THEN
      RAISE 'nothing was tampered with';
    END IF;
    SET LOCAL session_replication_role = origin;
    SELECT array_agg(v) INTO found FROM inv_verify() v;
    RAISE 'take it back' USING ERRCODE = 'UTEST';
  EXCEPTION WHEN SQLSTATE 'UTEST' THEN
    RETURN QUERY SELECT DISTINCT * FROM unnest(found) ORDER BY 1, 2, 3, 4, 5;
  END;
END $$;

-- the stock row
SELECT * FROM tampering($$UPDATE inv_stock SET on_hand = on_hand + 1 WHERE sku = 'A' AND location = 'main'$$);
SELECT * FROM tampering($$UPDATE inv_stock SET on_hand = 0 WHERE sku = 'A' AND location = 'shop'$$);
SELECT * FROM tampering($$UPDATE inv_stock SET reserved = 2 WHERE sku = 'B' AND location = 'main'$$);
SELECT * FROM tampering($$UPDATE inv_stock SET version = version + 1 WHERE sku = 'C' AND location = 'main'$$);
SELECT * FROM tampering($$UPDATE inv_stock SET version = version - 1 WHERE sku = 'C' AND location = 'main'$$);
SELECT * FROM tampering($$DELETE FROM inv_stock WHERE sku = 'D' AND location = 'shop'$$);
SELECT * FROM tampering($$UPDATE inv_stock SET on_hand = on_hand + 1, reserved = 1 WHERE sku IN ('A', 'B') AND location = 'main'$$);
-- two rows whose errors cancel each other out
SELECT * FROM tampering($$UPDATE inv_stock SET on_hand = on_hand + CASE location WHEN 'main' THEN 1 ELSE -1 END WHERE sku = 'E'$$);
-- the ledger, in a leaf
SELECT * FROM tampering(format($$UPDATE %s SET on_hand_delta = on_hand_delta + 3
  WHERE sku = 'A' AND location = 'main' AND version = 2$$, leaf_of('A', 2)));
SELECT * FROM tampering(format($$UPDATE %s SET reserved_delta = 1
  WHERE sku = 'A' AND location = 'main' AND version = 2$$, leaf_of('A', 2)));
-- a movement lost: the last, one in the middle, and one whose sum is not missed
SELECT * FROM tampering(format($$DELETE FROM %s WHERE sku = 'A' AND location = 'main' AND version = 6$$, leaf_of('A', 6)));
SELECT * FROM tampering(format($$DELETE FROM %s WHERE sku = 'A' AND location = 'main' AND version = 3$$, leaf_of('A', 3)));
SELECT * FROM tampering(format($$WITH gone AS (DELETE FROM %s WHERE sku = 'A' AND location = 'main' AND version = 3 RETURNING *)
  UPDATE inv_stock s SET on_hand = s.on_hand - g.on_hand_delta FROM gone g WHERE s.stock_id = g.stock_id$$, leaf_of('A', 3)));
-- a movement twice, with and without its sum
SELECT * FROM tampering($$INSERT INTO inv_movement OVERRIDING SYSTEM VALUE
  SELECT (jsonb_populate_record(m, jsonb_build_object('movement_id',
           (SELECT max(movement_id) + 1 FROM inv_movement)))).*
    FROM inv_movement m WHERE sku = 'A' AND location = 'main' AND version = 2$$);
SELECT * FROM tampering($$WITH again AS (INSERT INTO inv_movement OVERRIDING SYSTEM VALUE
  SELECT (jsonb_populate_record(m, jsonb_build_object('movement_id',
           (SELECT max(movement_id) + 1 FROM inv_movement)))).*
    FROM inv_movement m WHERE sku = 'A' AND location = 'main' AND version = 2 RETURNING *)
  UPDATE inv_stock s SET on_hand = s.on_hand + a.on_hand_delta FROM again a WHERE s.stock_id = a.stock_id$$);
-- a version twice, while count and sum are right
SELECT * FROM tampering(format($$UPDATE %s SET version = 3
  WHERE sku = 'A' AND location = 'main' AND version = 2$$, leaf_of('A', 2)));
-- a movement of no stock row
SELECT * FROM tampering(format($$UPDATE %s SET stock_id = 999999
  WHERE sku = 'A' AND location = 'main' AND version = 2$$, leaf_of('A', 2)));
-- a movement moved to another row
SELECT * FROM tampering(format($$UPDATE %s SET stock_id = (SELECT stock_id FROM inv_stock WHERE sku = 'B' AND location = 'main')
  WHERE sku = 'A' AND location = 'main' AND version = 2$$, leaf_of('A', 2)));

-- all of that was taken back
SELECT * FROM inv_verify();

-- a range of skus, both ends within
SET session_replication_role = replica;
UPDATE inv_stock SET on_hand = on_hand + 1 WHERE location = 'main' AND sku IN ('A', 'B', 'D', 'F');
RESET session_replication_role;
SELECT sku, location FROM inv_verify() ORDER BY sku;
SELECT sku FROM inv_verify('A', 'A') ORDER BY sku;
SELECT sku FROM inv_verify('C', 'E') ORDER BY sku;
SELECT sku FROM inv_verify('C') ORDER BY sku;
SELECT sku FROM inv_verify(to_sku => 'B') ORDER BY sku;
SELECT sku FROM inv_verify('B', 'D') ORDER BY sku;
SELECT sku FROM inv_verify('E', 'E');
SELECT sku FROM inv_verify('D', 'B');
SELECT sku FROM inv_verify('0', '9');
SELECT count(*) FROM inv_verify(NULL, NULL);
-- every row of it names the row, the problem, and both numbers
SELECT sku, location, problem, found - expected AS too_many FROM inv_verify() ORDER BY sku;

-- it is read-only, and sees what its own transaction did
BEGIN READ ONLY;
SELECT count(*) FROM inv_verify();
COMMIT;
BEGIN;
SELECT on_hand FROM inv_receive('E', 1);
SELECT * FROM inv_verify('E', 'E');
COMMIT;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA verify CASCADE;
