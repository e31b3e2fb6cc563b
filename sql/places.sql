--
-- A backend remembers where it found stock rows: what it remembers may be
-- wrong in every way, and no answer may be
--
CREATE SCHEMA places;
CREATE EXTENSION inventory SCHEMA places;
SET search_path = places;
\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name) SELECT 'S' || n, 'Some' FROM generate_series(1000, 1499) n;
-- stocked - each SKU has as many units as its number says, and one is taken
CREATE FUNCTION stocked() RETURNS TABLE (calls bigint, right_ones bigint) LANGUAGE sql AS $$
  SELECT count(*), count(*) FILTER (WHERE o.status = 'ok' AND o.sku = 'S' || n AND o.on_hand = n - 1)
    FROM generate_series(1000, 1499) n, inv_deduct('S' || n, 1) o $$;
-- fill - receives them all in this direction
CREATE FUNCTION fill(step integer) RETURNS bigint LANGUAGE sql AS $$
  SELECT count(*) FROM generate_series(CASE WHEN step > 0 THEN 1000 ELSE 1499 END,
                                       CASE WHEN step > 0 THEN 1499 ELSE 1000 END, step) n,
    inv_receive('S' || n, n) $$;

-- rows that never were, and blocks that vacuum has cut off
BEGIN;
SELECT fill(1);
SELECT * FROM stocked();
ROLLBACK;
VACUUM (TRUNCATE) inv_stock;
SELECT pg_relation_size('inv_stock');
SELECT count(*) FROM generate_series(1000, 1499) n, inv_deduct('S' || n, 1, strict => false) o
  WHERE o.status = 'insufficient_stock' AND o.on_hand = 0;
-- others are there now
SELECT fill(-1);
SELECT * FROM stocked();
-- rewritten, in another order
CLUSTER inv_stock USING inv_stock_key;
SELECT count(*) FROM generate_series(1000, 1499) n, inv_receive('S' || n, 1);
SELECT * FROM stocked();
-- moved: more versions than a page holds, and none may go before the commit
BEGIN;
SELECT count(*) FROM generate_series(1, 300) n, inv_receive('S1000', 1 + 0 * n);
SELECT on_hand FROM inv_deduct('S1000', 300);
COMMIT;
SELECT on_hand FROM inv_deduct('S1000', 1);
SELECT inv_available('S1000');
-- undone moves
BEGIN;
SELECT count(*) FROM generate_series(1, 300) n, inv_receive('S1001', 1 + 0 * n);
ROLLBACK;
SELECT on_hand FROM inv_receive('S1001', 1);
SELECT * FROM inv_verify();
-- an extension of the same name, other rows at the same places
SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA places;
INSERT INTO inv_item (sku, name) SELECT 'S' || n, 'Some' FROM generate_series(1000, 1499) n;
SELECT count(*) FROM generate_series(1000, 1499) n, inv_receive('S' || n, n, CASE WHEN n % 2 = 0 THEN 'main' END);
SELECT * FROM stocked();
SELECT * FROM inv_verify();
DROP EXTENSION inventory CASCADE;
DROP SCHEMA places CASCADE;
