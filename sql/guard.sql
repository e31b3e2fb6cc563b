--
-- inv_stock and inv_movement: nobody changes them but the functions
--
CREATE SCHEMA guard;
CREATE EXTENSION inventory SCHEMA guard;
SET search_path = guard;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT on_hand FROM inv_receive('A', 10);
SELECT on_hand FROM inv_deduct('A', 1);
SELECT state() AS before \gset
-- the leaf that holds the movements, and one that is made ahead
SELECT min(tableoid::regclass::text) AS full_leaf FROM inv_movement \gset
SELECT inhrelid::regclass AS empty_leaf FROM pg_inherits
  WHERE inhparent = 'inv_movement'::regclass
    AND inhrelid::regclass::text <> :'full_leaf' LIMIT 1 \gset

-- attempts - each way to write a table, as the refusals say
CREATE FUNCTION attempts(tab text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  command text;
BEGIN
  FOREACH command IN ARRAY ARRAY['UPDATE %s SET version = 0',
      'UPDATE %s SET version = 0 WHERE false', 'DELETE FROM %s',
      'DELETE FROM %s WHERE false', 'TRUNCATE %s', 'TRUNCATE %s CASCADE'] LOOP
    RETURN NEXT refused(format(command, tab));
  END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
-- the superuser, who is also the owner
SELECT attempts('inv_stock');
SELECT attempts('inv_movement');
-- a leaf is guarded itself, full or not; its name is in the refusal
SELECT replace(attempts(:'full_leaf'), :'full_leaf', 'LEAF');
SELECT replace(attempts(:'empty_leaf'), :'empty_leaf', 'LEAF');
-- other spellings of the same
SELECT refused($$WITH d AS (DELETE FROM inv_stock RETURNING *) SELECT count(*) FROM d$$);
SELECT refused($$MERGE INTO inv_stock s USING (VALUES ('A')) v(sku) ON s.sku = v.sku
  WHEN MATCHED THEN UPDATE SET on_hand = 100$$);
SELECT refused($$MERGE INTO inv_stock s USING (VALUES ('A')) v(sku) ON s.sku = v.sku
  WHEN MATCHED THEN DELETE$$);
SELECT refused($$UPDATE inv_stock_level SET on_hand = 100$$);
SELECT refused($$DELETE FROM inv_stock_level$$);
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- an owner who is not superuser is refused alike
CREATE ROLE regress_inv_owner;
GRANT ALL ON SCHEMA guard TO regress_inv_owner;
ALTER TABLE inv_stock OWNER TO regress_inv_owner;
ALTER TABLE inv_movement OWNER TO regress_inv_owner;
DO $$
DECLARE
  leaf regclass;
BEGIN
  FOR leaf IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO regress_inv_owner', leaf);
  END LOOP;
END $$;
SET ROLE regress_inv_owner;
\pset format unaligned
\pset tuples_only on
SELECT refused($$UPDATE inv_stock SET on_hand = 100$$);
SELECT refused($$DELETE FROM inv_stock$$);
SELECT refused($$TRUNCATE inv_stock$$);
SELECT refused($$UPDATE inv_movement SET on_hand_delta = 100$$);
SELECT refused($$DELETE FROM inv_movement$$);
SELECT refused($$TRUNCATE inv_movement$$);
SELECT replace(refused(format('DELETE FROM %s', :'full_leaf')), :'full_leaf', 'LEAF');
\pset tuples_only off
\pset format aligned
RESET ROLE;
REASSIGN OWNED BY regress_inv_owner TO CURRENT_USER;
SELECT state() = :'before' AS nothing_changed;

-- the guard is not lifted by a call in the same transaction or statement
BEGIN;
SELECT on_hand FROM inv_deduct('A', 1);
\pset format unaligned
\pset tuples_only on
SELECT refused($$UPDATE inv_stock SET on_hand = 100$$);
SELECT refused($$UPDATE inv_stock SET on_hand = 100 + (SELECT on_hand FROM inv_deduct('A', 1))$$);
-- nor by a refused call, nor by a change of the catalogue
SELECT left(refused($$SELECT inv_deduct('A', 100)$$), 5);
UPDATE inv_item SET safety_stock = 1 WHERE sku = 'A';
SELECT left(refused($$UPDATE inv_stock SET on_hand = 100$$), 5);
-- nor from a trigger that runs inside a change of the catalogue
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE guard.inv_stock SET on_hand = 100;
  RETURN NULL;
END $$;
CREATE TRIGGER meddle AFTER UPDATE ON inv_item FOR EACH ROW EXECUTE FUNCTION meddle();
SELECT refused($$UPDATE inv_item SET safety_stock = 2 WHERE sku = 'A'$$);
DROP TRIGGER meddle ON inv_item;
\pset tuples_only off
\pset format aligned
COMMIT;
SELECT sku, on_hand, safety_stock FROM inv_stock;
SELECT * FROM inv_verify();

-- leaves made later are guarded as well
SET inventory.leaf_size = 10;
SELECT count(o.movement_id) FROM generate_series(1, 35) g, LATERAL inv_receive('A', g) o;
SELECT inhrelid::regclass FROM pg_inherits
  WHERE inhparent = 'inv_movement'::regclass
    AND refused(format('DELETE FROM %s', inhrelid::regclass), true) <> '42501';

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA guard CASCADE;
DROP ROLE regress_inv_owner;
