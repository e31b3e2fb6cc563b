--
-- The extension dropped and made again within one session, whose cached plans
-- and identifiers must not outlive it
--
\set SHOW_CONTEXT never
CREATE SCHEMA recreate;
CREATE SCHEMA recreate_b;
CREATE EXTENSION inventory SCHEMA recreate;
SET search_path = recreate;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_receive('A', 10);
SELECT :outcome FROM inv_deduct('A', 1);
SELECT :outcome FROM inv_deduct('A', 1);
SELECT inv_available('A');
PREPARE sell AS SELECT status, on_hand FROM inv_deduct('A', 1);
EXECUTE sell;

-- nothing is left behind
DROP EXTENSION inventory;
SELECT c.relname FROM pg_class c WHERE c.relname LIKE 'inv\_%';
SELECT p.proname FROM pg_proc p WHERE p.proname LIKE 'inv\_%';
SELECT t.typname FROM pg_type t WHERE t.typname LIKE 'inv\_%';
SELECT inv_deduct('A', 1);
EXECUTE sell;

-- in the same schema: empty, and working
CREATE EXTENSION inventory SCHEMA recreate;
SELECT count(*) FROM inv_item;
SELECT inv_deduct('A', 1);
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_receive('A', 5);
SELECT :outcome FROM inv_deduct('A', 1);
EXECUTE sell;
SELECT * FROM inv_verify();

-- in another schema
DROP EXTENSION inventory;
CREATE EXTENSION inventory SCHEMA recreate_b;
SET search_path = recreate_b;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_receive('A', 7);
SELECT :outcome FROM inv_deduct('A', 1);
EXECUTE sell;
SELECT on_hand FROM inv_stock_level;
SELECT * FROM inv_verify();

-- its schema renamed
ALTER SCHEMA recreate_b RENAME TO recreate_c;
SET search_path = recreate_c;
SELECT :outcome FROM inv_deduct('A', 1);
SELECT inv_available('A');
SET inventory.leaf_size = 10;
SELECT count(o.movement_id) FROM generate_series(1, 40) g, LATERAL inv_receive('A', g) o;
SELECT count(*) FROM inv_history('A');
SELECT * FROM inv_verify();
RESET inventory.leaf_size;

-- made and dropped in transactions that are rolled back
BEGIN;
DROP EXTENSION inventory;
CREATE EXTENSION inventory SCHEMA recreate;
INSERT INTO recreate.inv_item (sku, name) VALUES ('A', 'Apple');
SELECT on_hand FROM recreate.inv_receive('A', 1000);
ROLLBACK;
SELECT :outcome FROM inv_deduct('A', 1);
SELECT :outcome FROM inv_receive('A', 1);
BEGIN;
SAVEPOINT s;
DROP EXTENSION inventory;
ROLLBACK TO s;
SELECT :outcome FROM inv_deduct('A', 1);
COMMIT;

-- without SCHEMA: the first of the search_path
DROP EXTENSION inventory;
SET search_path = recreate;
CREATE EXTENSION inventory;
SELECT e.extnamespace::regnamespace FROM pg_extension e WHERE e.extname = 'inventory';
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT :outcome FROM inv_receive('A', 1);
-- a schema whose name needs quotes
DROP EXTENSION inventory;
CREATE SCHEMA "Recreate D";
CREATE EXTENSION inventory SCHEMA "Recreate D";
SET search_path = "Recreate D";
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SET inventory.leaf_size = 10;
SELECT count(o.movement_id) FROM generate_series(1, 40) g, LATERAL inv_receive('A', g) o;
SELECT :outcome FROM inv_deduct('A', 1);
SELECT count(*) FROM inv_history('A');
SELECT * FROM inv_verify();

-- objects of others in the way are not adopted
DROP EXTENSION inventory;
SET search_path = recreate;
CREATE TABLE inv_item (sku text);
CREATE EXTENSION inventory SCHEMA recreate;
SELECT count(*) FROM pg_extension WHERE extname = 'inventory';
DROP TABLE inv_item;
CREATE EXTENSION inventory SCHEMA recreate;
-- dropped with its schema
SET client_min_messages = warning;
DROP SCHEMA recreate CASCADE;
SELECT count(*) FROM pg_extension WHERE extname = 'inventory';
DROP SCHEMA recreate_c, "Recreate D" CASCADE;
