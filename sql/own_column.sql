--
-- Columns that somebody adds to our tables: kept, whatever the calls do beside
-- them
--
CREATE SCHEMA own_column;
CREATE EXTENSION inventory SCHEMA own_column;
SET search_path = own_column;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name) VALUES ('I6', 'Six'), ('I7', 'Seven'), ('I8', 'Eight');
SELECT count(o.movement_id) FROM inv_item i, LATERAL inv_receive(i.sku, 10) o;

-- on the stock row
ALTER TABLE inv_stock ADD COLUMN shelf text DEFAULT 'unknown';
ALTER TABLE inv_stock ADD COLUMN bin integer;
SELECT on_hand, version FROM inv_deduct('I6', 1);
SELECT sku, on_hand, shelf, bin FROM inv_stock WHERE sku IN ('I6', 'I7') ORDER BY sku;
INSERT INTO inv_item (sku, name) VALUES ('LATER', 'After the column');
SELECT on_hand, version FROM inv_receive('LATER', 4);
SELECT on_hand, version FROM inv_deduct('LATER', 1);
SELECT sku, on_hand, shelf, bin FROM inv_stock WHERE sku = 'LATER';
-- on the ledger: as any INSERT that does not name them
ALTER TABLE inv_movement ADD COLUMN till integer DEFAULT 7;
ALTER TABLE inv_movement ADD COLUMN note text;
SELECT on_hand, version FROM inv_deduct('I6', 1);
SELECT kind, on_hand_delta, version, till, note FROM inv_history('I6');
-- and dropped again: leaves made before, between and after
ALTER TABLE inv_stock DROP COLUMN shelf;
SELECT on_hand, version FROM inv_deduct('I6', 1);
SELECT on_hand, version FROM inv_deduct('I7', 1);
ALTER TABLE inv_movement DROP COLUMN till, DROP COLUMN note;
SELECT on_hand, version FROM inv_deduct('I6', 1);
SELECT kind, on_hand_delta, version FROM inv_history('I6');
SET inventory.leaf_size = 10;
SELECT count(o.movement_id) FROM generate_series(1, 40) g, LATERAL inv_receive('I8', g) o;
RESET inventory.leaf_size;
SELECT count(*) FROM inv_history('I8');

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA own_column CASCADE;
