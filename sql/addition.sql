--
-- What an administrator adds to the ledger and to the stock rows holds for the
-- leaves that are made later and for the versions that calls write
--
CREATE SCHEMA addition;
CREATE EXTENSION inventory SCHEMA addition;
SET search_path = addition;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
SET inventory.leaf_size = 10;
SELECT status, on_hand FROM inv_receive('A', 10);

-- on the ledger: columns with defaults, not null, generated; constraints
ALTER TABLE inv_movement ADD COLUMN till text NOT NULL DEFAULT 'one';
ALTER TABLE inv_movement ADD COLUMN moved bigint GENERATED ALWAYS AS (abs(on_hand_delta)) STORED;
ALTER TABLE inv_movement ADD CONSTRAINT small CHECK (abs(on_hand_delta) < 1000);
CREATE INDEX mine ON inv_movement (moved);
SELECT count(o.status), max(o.on_hand) FROM generate_series(1, 60) g, LATERAL inv_receive('A', g) o;
SELECT count(*), count(till) AS till, count(DISTINCT tableoid) > 5 AS many_leaves,
       bool_and(moved = abs(on_hand_delta)) AS moved FROM inv_movement;
-- and without them again
DROP INDEX mine;
ALTER TABLE inv_movement DROP CONSTRAINT small, DROP COLUMN till, DROP COLUMN moved;
SELECT count(o.status), max(o.on_hand) FROM generate_series(1, 60) g, LATERAL inv_receive('A', g) o;
-- before the first leaf
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA addition;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location) VALUES ('shop');
ALTER TABLE inv_movement ADD COLUMN till text NOT NULL DEFAULT 'one',
  ADD COLUMN moved bigint GENERATED ALWAYS AS (abs(on_hand_delta)) STORED,
  ADD CHECK (on_hand_delta < 1000);
SELECT status, on_hand FROM inv_receive('A', 10);
SELECT on_hand_delta, till, moved FROM inv_movement;

-- on the stock rows: a generated column follows what calls write
ALTER TABLE inv_stock ADD COLUMN half bigint GENERATED ALWAYS AS (on_hand / 2) STORED,
  ADD COLUMN least bigint GENERATED ALWAYS AS (safety_stock - backorder_limit) STORED;
CREATE INDEX half ON inv_stock (half);
SELECT status, on_hand FROM inv_deduct('A', 4);
SELECT status, on_hand FROM inv_receive('B', 7);
SELECT status, on_hand FROM inv_transfer('A', 4, 'main', 'shop');
SELECT status, on_hand FROM inv_adjust('B', 30);
SELECT status FROM inv_set_limits('B', safety_stock => 5);
UPDATE inv_item SET backorder_limit = 3 WHERE sku = 'A';
SELECT sku, location, on_hand, half, least FROM inv_stock ORDER BY sku, location;
SET enable_seqscan = off;
SELECT sku FROM inv_stock WHERE half = 15;
SELECT count(*) FROM inv_stock WHERE half = 5;
RESET enable_seqscan;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA addition CASCADE;
