--
-- What an administrator may do to the tables, between and under the calls
--
CREATE SCHEMA storage;
CREATE EXTENSION inventory SCHEMA storage;
SET search_path = storage;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name) SELECT 'I' || g, 'Item' FROM generate_series(1, 300) g;
SELECT count(o.movement_id) FROM inv_item i, LATERAL inv_receive(i.sku, 10) o;

-- tables rewritten, reindexed, analysed while the session has used them
VACUUM inv_stock;
SELECT on_hand, version FROM inv_deduct('I1', 1);
VACUUM FULL inv_stock;
SELECT on_hand, version FROM inv_deduct('I1', 1);
ANALYZE inv_stock, inv_item, inv_movement;
SELECT on_hand, version FROM inv_deduct('I1', 1);
REINDEX TABLE inv_stock;
SELECT on_hand, version FROM inv_deduct('I1', 1);
REINDEX TABLE CONCURRENTLY inv_stock;
SELECT on_hand, version FROM inv_deduct('I1', 1);
SELECT min(tableoid::regclass::text) AS leaf FROM inv_movement \gset
VACUUM FULL :leaf;
REINDEX TABLE :leaf;
SELECT on_hand, version FROM inv_deduct('I1', 1);
ALTER TABLE inv_stock SET UNLOGGED;
SELECT on_hand, version FROM inv_deduct('I1', 1);
ALTER TABLE inv_stock SET LOGGED;
SELECT on_hand, version FROM inv_deduct('I1', 1);
ALTER TABLE inv_stock SET (fillfactor = 55);
SELECT on_hand, version FROM inv_receive('I1', 8);
SELECT count(*) FROM inv_history('I1');

-- more movements than a page has room for, on one row and in one transaction
SELECT max(o.version), min(o.on_hand), max(o.on_hand)
  FROM generate_series(1, 1000) g, LATERAL inv_receive('I2', 1, reference => 'r' || g) o;
DO $$
BEGIN
  FOR i IN 1..1000 LOOP
    PERFORM inv_deduct('I2', 1);
    IF i % 7 = 0 THEN
      COMMIT;
    END IF;
  END LOOP;
END $$;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'I2';

-- somebody's own index on what a call changes stays true
CREATE INDEX mine ON inv_stock (on_hand);
CREATE INDEX mine_too ON inv_stock ((on_hand - reserved)) WHERE on_hand > 5;
CREATE UNIQUE INDEX mine_alone ON inv_stock (version, stock_id);
CREATE INDEX mine_below ON :leaf (on_hand_delta);
SELECT count(o.movement_id) FROM inv_item i, LATERAL inv_deduct(i.sku, 2) o WHERE i.sku IN ('I3', 'I4', 'I5');
SELECT on_hand, version FROM inv_receive('I4', 70);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT sku, on_hand FROM inv_stock WHERE on_hand = 78;
SELECT sku FROM inv_stock WHERE on_hand = 8 ORDER BY sku;
SELECT sku FROM inv_stock WHERE on_hand - reserved = 78 AND on_hand > 5;
SELECT sku FROM inv_stock WHERE version = 3 AND on_hand > 11;
SELECT sku FROM :leaf WHERE on_hand_delta = 70;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP INDEX mine, mine_too, mine_alone, mine_below;
SELECT on_hand, version FROM inv_deduct('I4', 70);

-- rows that the transaction itself has locked, in every way and place
BEGIN;
SELECT on_hand FROM inv_stock WHERE sku = 'I9' FOR UPDATE;
SELECT on_hand, version FROM inv_deduct('I9', 1);
SELECT on_hand FROM inv_stock WHERE sku = 'I9' FOR KEY SHARE;
SAVEPOINT s;
SELECT on_hand FROM inv_stock WHERE sku = 'I9' FOR UPDATE;
SELECT on_hand, version FROM inv_deduct('I9', 1);
ROLLBACK TO s;
SELECT on_hand, version FROM inv_deduct('I9', 1);
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT on_hand FROM inv_stock WHERE sku = 'I9' FOR SHARE;
ROLLBACK TO s;
SELECT on_hand, version FROM inv_deduct('I9', 1);
ROLLBACK;
SELECT on_hand, version FROM inv_stock_level WHERE sku = 'I9';

-- an open cursor keeps seeing what it saw
BEGIN;
DECLARE c CURSOR FOR SELECT sku, on_hand FROM inv_stock WHERE sku = 'I10';
SELECT on_hand, version FROM inv_deduct('I10', 1);
FETCH c;
SELECT on_hand FROM inv_stock WHERE sku = 'I10';
COMMIT;

-- autovacuum learns of what the calls write
SELECT pg_stat_force_next_flush();
CREATE VIEW written AS SELECT
    (SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'inv_stock'::regclass) AS updated,
    (SELECT sum(n_tup_ins) FROM pg_stat_user_tables WHERE relid IN (
      SELECT inhrelid FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass)) AS inserted;
SELECT * FROM written \gset before_
SELECT count(o.movement_id) FROM generate_series(1, 20) g, LATERAL inv_receive('I11', g) o;
SELECT pg_stat_force_next_flush();
SELECT updated - :before_updated AS updated, inserted - :before_inserted AS inserted FROM written;

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA storage CASCADE;
