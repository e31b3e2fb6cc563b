--
-- The leaves of the ledger: made ahead of need, ordinary tables, indexed
--
CREATE SCHEMA leaf;
CREATE EXTENSION inventory SCHEMA leaf;
SET search_path = leaf;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

-- what is looked at: the leaves with their bounds
CREATE VIEW leaves AS
  SELECT c.oid, c.relname, c.relkind, c.relpersistence,
         (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''(\d+)''\)'))[1]::bigint AS first_id,
         (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(\d+)''\)'))[1]::bigint AS end_id
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
   WHERE i.inhparent = 'inv_movement'::regclass;
-- what must be true of them at any time; no row when it is. "ahead": two
-- leaves lie wholly beyond the last movement
CREATE VIEW wrong AS
  SELECT 'fewer than two ahead' AS problem WHERE (SELECT count(*) FROM leaves
    WHERE first_id > (SELECT coalesce(max(movement_id), 9223372036854775807) FROM inv_movement)) < 2
    AND EXISTS (SELECT FROM inv_movement)
  UNION ALL SELECT 'not named by its first id: ' || relname FROM leaves
    WHERE relname <> 'inv_movement_' || first_id
  UNION ALL SELECT 'not an ordinary table: ' || relname FROM leaves
    WHERE relkind <> 'r' OR relpersistence <> 'p'
  UNION ALL SELECT 'bounds not understood: ' || relname FROM leaves
    WHERE first_id IS NULL OR end_id IS NULL
  UNION ALL SELECT 'a gap after ' || l.relname FROM leaves l
    WHERE NOT EXISTS (SELECT FROM leaves n WHERE n.first_id = l.end_id)
      AND EXISTS (SELECT FROM leaves n WHERE n.first_id > l.end_id)
  UNION ALL SELECT 'member of the extension: ' || relname FROM leaves l
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = l.oid AND d.deptype = 'e'
  UNION ALL SELECT 'a default leaf' FROM pg_partitioned_table
    WHERE partrelid = 'inv_movement'::regclass AND partdefid <> 0
  UNION ALL SELECT 'an index on the parent' FROM pg_index
    WHERE indrelid = 'inv_movement'::regclass
  UNION ALL SELECT 'a constraint on the parent: ' || conname FROM pg_constraint
    WHERE conrelid = 'inv_movement'::regclass AND contype <> 'n'
  UNION ALL SELECT 'indexes of ' || relname || ': ' || count(x.*) FROM leaves l
    LEFT JOIN pg_index x ON x.indrelid = l.oid AND x.indisvalid AND x.indisready
    GROUP BY l.relname HAVING count(x.*) <> 6;

-- none before the first movement; a refused deduct needs none
SELECT count(*) FROM leaves;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT status FROM inv_deduct('A', 1, strict => false);
SELECT count(*) FROM leaves;

-- the size of a leaf is a setting
\pset format unaligned
\pset tuples_only on
SELECT refused('SET inventory.leaf_size = 9');
SELECT refused('SET inventory.leaf_size = 0');
SELECT refused('SET inventory.leaf_size = -1');
\pset tuples_only off
\pset format aligned
SET inventory.leaf_size = 100;
SELECT :outcome FROM inv_receive('A', 1);
SELECT count(*) >= 3 AS two_ahead, bool_and(end_id - first_id = 100) AS sizes FROM leaves;
SELECT * FROM wrong;

-- each has its indexes: by id, row, reference, key, original, time
SELECT DISTINCT replace(regexp_replace(pg_get_indexdef(x.indexrelid),
         'INDEX \S+ ON \S+', 'INDEX ON'), ' ()', '') AS indexes, indisprimary
  FROM leaves l JOIN pg_index x ON x.indrelid = l.oid ORDER BY 1;
-- and the statement trigger that guards it
SELECT count(*) = (SELECT count(*) FROM leaves) AS all_guarded FROM (
  SELECT l.oid FROM leaves l JOIN pg_trigger t ON t.tgrelid = l.oid AND NOT t.tgisinternal
   GROUP BY l.oid) g;

-- across many borders, looking after every call
SET inventory.leaf_size = 10;
DO $$
DECLARE
  found text;
BEGIN
  FOR i IN 1..340 LOOP
    PERFORM inv_receive('A', 1);
    COMMIT;
    SELECT string_agg(problem, ', ') INTO found FROM wrong;
    IF found IS NOT NULL THEN
      RAISE WARNING 'after % calls: %', i, found;
      EXIT;
    END IF;
  END LOOP;
END $$;
SELECT on_hand, version FROM inv_stock_level;
SELECT count(*) FROM inv_movement;
SELECT count(DISTINCT tableoid) > 6 AS many_leaves FROM inv_movement;
SELECT * FROM wrong;
-- in one statement, and in one transaction
SELECT count(o.movement_id), max(o.on_hand) FROM generate_series(1, 100) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
SELECT * FROM wrong;

-- leaves that were made in a transaction that failed are made again
BEGIN;
SELECT count(o.movement_id), max(o.on_hand) FROM generate_series(1, 100) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
ROLLBACK;
SELECT * FROM wrong;
SELECT :outcome FROM inv_receive('A', 1);
SELECT * FROM wrong;
BEGIN;
SAVEPOINT s;
SELECT count(o.movement_id), max(o.on_hand) FROM generate_series(1, 100) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
ROLLBACK TO s;
SELECT count(o.movement_id), max(o.on_hand) FROM generate_series(1, 100) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
COMMIT;
SELECT * FROM wrong;
-- many failed calls in turn use up ids, never the leaves
DO $$
BEGIN
  FOR i IN 1..100 LOOP
    BEGIN
      PERFORM inv_receive('A', 1);
      RAISE 'undo' USING ERRCODE = 'UTEST';
    EXCEPTION WHEN SQLSTATE 'UTEST' THEN
      NULL;
    END;
  END LOOP;
END $$;
SELECT :outcome FROM inv_receive('A', 1);
SELECT * FROM wrong;

-- a statement that reads the ledger may write to it, and past a border
SELECT count(inv_receive('A', 1, reference => 'again-' || movement_id))
  FROM (SELECT movement_id FROM inv_movement LIMIT 15) m;
SELECT status FROM inv_receive('A', 1);
SELECT * FROM wrong;
-- and past all leaves that are there
SELECT count(inv_receive('A', 1, reference => 'again-' || movement_id))
  FROM (SELECT movement_id FROM inv_movement LIMIT 60) m;
SELECT status FROM inv_receive('A', 1);
SELECT * FROM wrong;

-- after a jump of the sequence, as a crash or a restore may cause one
SELECT c.oid::regclass AS sequence FROM pg_class c
  WHERE c.relnamespace = 'leaf'::regnamespace AND c.relkind = 'S' AND c.relname ~ 'movement' \gset
SELECT setval(:'sequence', (SELECT max(end_id) FROM leaves) + 12345) > 0 AS jumped;
SELECT :outcome FROM inv_receive('A', 1);
SELECT :outcome FROM inv_deduct('A', 1);
SELECT problem FROM wrong WHERE problem NOT LIKE 'a gap%';
SELECT * FROM inv_verify();

-- an old leaf that somebody detached and dropped stays away
SELECT relname AS oldest FROM leaves ORDER BY first_id LIMIT 1 \gset
ALTER TABLE inv_movement DETACH PARTITION :oldest;
DROP TABLE :oldest;
SELECT :outcome FROM inv_deduct('A', 1);

-- another size from here on; what is there stays
SET inventory.leaf_size = 50;
SELECT count(o.movement_id) FROM generate_series(1, 120) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
SELECT problem FROM wrong WHERE problem NOT LIKE 'a gap%';
SELECT max(end_id - first_id) FROM leaves WHERE end_id > (SELECT max(movement_id) FROM inv_movement);

-- a stranger's table that has the name of the next leaf is not adopted
CREATE TABLE stranger AS SELECT max(end_id) AS id FROM leaves;
SELECT id AS next FROM stranger \gset
CREATE TABLE inv_movement_:next (LIKE inv_movement);
DO $$
BEGIN
  FOR i IN 1..200 LOOP
    PERFORM inv_receive('A', 1);
  END LOOP;
EXCEPTION WHEN duplicate_table THEN
  RAISE NOTICE 'said so: %', SQLSTATE;
END $$;
SELECT relispartition FROM pg_class c, stranger WHERE relname = 'inv_movement_' || id
   AND relnamespace = 'leaf'::regnamespace;
SELECT count(*) FROM inv_movement_:next;
DROP TABLE inv_movement_:next;
SELECT count(o.movement_id), count(DISTINCT o.version) FROM generate_series(1, 200) g, LATERAL inv_receive('A', 1, reference => 's' || g) o;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA leaf CASCADE;
