--
-- Privileges: nothing to PUBLIC; EXECUTE on a function is all a caller needs
--
CREATE SCHEMA privilege;
CREATE EXTENSION inventory SCHEMA privilege;
SET search_path = privilege;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
CREATE ROLE regress_inv_stranger;
CREATE ROLE regress_inv_till;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SELECT on_hand FROM inv_receive('A', 10);
SELECT state() AS before \gset

-- a role without any grant cannot even name things
SET ROLE regress_inv_stranger;
SELECT inv_deduct('A', 1);
SELECT privilege.inv_deduct('A', 1);
SELECT * FROM privilege.inv_stock;
RESET ROLE;
-- and with the schema opened, it still can do nothing
GRANT USAGE ON SCHEMA privilege TO regress_inv_stranger, regress_inv_till;
SET ROLE regress_inv_stranger;
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_receive(''A'', 1)');
SELECT refused('SELECT inv_deduct(''A'', 1)');
SELECT refused('SELECT inv_deduct(''A'', 1, strict => false)');
SELECT refused('SELECT inv_available(''A'')');
SELECT refused('SELECT * FROM inv_history(''A'')');
SELECT refused('SELECT * FROM inv_verify()');
SELECT refused('SELECT * FROM inv_stock_level');
SELECT refused('SELECT * FROM inv_item');
SELECT refused('INSERT INTO inv_item (sku, name) VALUES (''B'', ''Bread'')');
SELECT refused('SELECT * FROM inv_location');
SELECT refused('SELECT * FROM inv_stock');
SELECT refused('INSERT INTO inv_stock (sku, location) VALUES (''A'', ''x'')');
SELECT refused('UPDATE inv_stock SET on_hand = 100');
SELECT refused('DELETE FROM inv_stock');
SELECT refused('TRUNCATE inv_stock');
SELECT refused('SELECT * FROM inv_movement');
SELECT refused('DELETE FROM inv_movement');
-- nor set what belongs to the administrator
SELECT refused('SET inventory.leaf_size = 1000');
RESET ROLE;
-- nor reach a leaf, or a sequence, around the parent
SELECT n.nspname, c.relname, c.relkind, p.priv
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
       unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) p(priv)
  WHERE n.nspname = 'privilege' AND c.relkind IN ('r', 'p', 'v', 'm')
    AND has_table_privilege('regress_inv_stranger', c.oid, p.priv);
SELECT c.relname FROM pg_class c
  WHERE c.relnamespace = 'privilege'::regnamespace AND CASE c.relkind WHEN 'S'
    THEN has_sequence_privilege('regress_inv_stranger', c.oid, 'USAGE, SELECT, UPDATE') END;
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- EXECUTE, and nothing else, is enough to sell
GRANT EXECUTE ON FUNCTION inv_deduct TO regress_inv_till;
SET ROLE regress_inv_till;
SELECT :outcome FROM inv_deduct('A', 1);
SELECT :outcome FROM inv_deduct('A', 100, strict => false);
SELECT :outcome FROM inv_deduct('Z', 1, strict => false);
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_deduct(''A'', 100)');
SELECT refused('SELECT inv_deduct(''a'', 1)');
SELECT refused('SELECT inv_receive(''A'', 1)');
SELECT refused('SELECT inv_available(''A'')');
SELECT refused('SELECT * FROM inv_stock_level');
SELECT refused('UPDATE inv_stock SET on_hand = 100');
\pset tuples_only off
\pset format aligned
RESET ROLE;
-- the same for each of the others
GRANT EXECUTE ON FUNCTION inv_receive, inv_available, inv_history, inv_verify
  TO regress_inv_till;
GRANT SELECT ON inv_stock_level TO regress_inv_till;
SET ROLE regress_inv_till;
SELECT :outcome FROM inv_receive('A', 2);
SELECT inv_available('A');
SELECT sku, location, kind, on_hand_delta, version FROM inv_history('A');
SELECT * FROM inv_verify();
SELECT sku, location, on_hand, available FROM inv_stock_level;
RESET ROLE;

-- the first call of all, with its location, row and leaves, by such a role
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA privilege;
GRANT EXECUTE ON FUNCTION inv_receive, inv_deduct TO regress_inv_till;
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SET ROLE regress_inv_till;
SELECT :outcome FROM inv_receive('A', 2);
SELECT :outcome FROM inv_deduct('A', 2);
RESET ROLE;
-- what it made belongs to the owner of the extension's tables, not to it
SELECT count(*) > 0 AS leaves,
       bool_and(c.relowner = (SELECT relowner FROM pg_class WHERE oid = 'inv_movement'::regclass)) AS owner_s
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE i.inhparent = 'inv_movement'::regclass;
-- and the ledger says who it was: the session's user, not the function's owner
SELECT DISTINCT actor = session_user AS session_s FROM inv_movement;

-- who may edit the catalogue need not be able to write stock
GRANT SELECT, INSERT, UPDATE, DELETE ON inv_item TO regress_inv_till;
SET ROLE regress_inv_till;
INSERT INTO inv_item (sku, name) VALUES ('B', 'Bread');
UPDATE inv_item SET safety_stock = 1, active = false WHERE sku = 'A';
SELECT refused('DELETE FROM inv_item WHERE sku = ''A''', true);
DELETE FROM inv_item WHERE sku = 'B';
RESET ROLE;
SELECT sku, safety_stock, active FROM inv_stock_level;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA privilege CASCADE;
DROP ROLE regress_inv_stranger, regress_inv_till;
