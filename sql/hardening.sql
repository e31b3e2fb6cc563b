--
-- Odd tables, storage, names and grants. The schema has an @ in its name, which
-- stands for a schema in the statements of the library.
--
CREATE SCHEMA "hard@ening";
CREATE EXTENSION inventory SCHEMA "hard@ening";
SET search_path = "hard@ening";
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location) VALUES ('shop');

-- generated columns, before the first row of a table
ALTER TABLE inv_location ADD COLUMN big text GENERATED ALWAYS AS (upper(location)) STORED;
ALTER TABLE inv_stock ADD COLUMN label text GENERATED ALWAYS AS (sku || '@' || location) STORED,
  ADD COLUMN plain integer DEFAULT 7;
SELECT :outcome FROM inv_receive('A', 10);
SELECT location, big FROM inv_location ORDER BY location;
SELECT sku, on_hand, label, plain FROM inv_stock;
-- and with rows in it
ALTER TABLE inv_stock ADD COLUMN lower text GENERATED ALWAYS AS (lower(sku)) STORED;
ALTER TABLE inv_movement ADD COLUMN moved bigint GENERATED ALWAYS AS (abs(on_hand_delta)) STORED,
  ADD COLUMN word text GENERATED ALWAYS AS (kind || coalesce(' ' || reference, '')) STORED;
SELECT on_hand, version FROM inv_deduct('A', 4, reference => 'order');
SELECT on_hand, version FROM inv_receive('B', 6);
SELECT status FROM inv_transfer('A', 2, 'main', 'shop', key => 'k');
SELECT available FROM inv_set_limits('B', safety_stock => 1);
UPDATE inv_item SET safety_stock = 1 WHERE sku = 'A';
SELECT sku, location, on_hand, safety_stock, label, lower, plain FROM inv_stock ORDER BY sku, location;
SELECT sku, location, on_hand_delta, moved, word FROM inv_movement ORDER BY movement_id;
ALTER TABLE inv_stock DROP COLUMN label, DROP COLUMN lower;
ALTER TABLE inv_movement DROP COLUMN moved, DROP COLUMN word;
SELECT on_hand, version FROM inv_deduct('B', 1);
SELECT * FROM inv_verify();

-- a leaf that an administrator made, of the same columns in another order
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA "hard@ening";
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
SET inventory.leaf_size = 10;
SELECT on_hand FROM inv_receive('A', 10);
SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass ORDER BY inhrelid;
ALTER TABLE inv_movement DETACH PARTITION inv_movement_11;
DROP TABLE inv_movement_11;
SELECT string_agg(format('%I %s%s', attname, format_type(atttypid, atttypmod) ||
    CASE attcollation WHEN '"C"'::regcollation THEN ' COLLATE "C"' ELSE '' END,
    CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END), ', '
    ORDER BY attname = 'movement_id', attnum) AS columns
  FROM pg_attribute WHERE attrelid = 'inv_movement'::regclass AND attnum > 0 \gset
CREATE TABLE mine (:columns);
ALTER TABLE inv_movement ATTACH PARTITION mine FOR VALUES FROM (11) TO (21);
SELECT max(o.movement_id) FROM generate_series(1, 9) g, LATERAL inv_deduct('A', 1, reference => 'r' || g) o;
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_deduct(''A'', 1)');
SELECT refused('SELECT inv_receive(''A'', 1)');
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;
-- in a session that never saw another leaf
\c -
SET search_path = "hard@ening";
SELECT refused('SELECT inv_deduct(''A'', 1)', true);
-- with the right order it goes on, whatever columns it has behind them
ALTER TABLE inv_movement DETACH PARTITION mine;
DROP TABLE mine;
ALTER TABLE inv_movement ADD COLUMN extra text, ADD COLUMN more text DEFAULT 'more';
CREATE TABLE mine (LIKE inv_movement INCLUDING DEFAULTS);
ALTER TABLE mine DROP COLUMN extra, ADD COLUMN extra text;
ALTER TABLE inv_movement ATTACH PARTITION mine FOR VALUES FROM (11) TO (21);
SELECT on_hand, version FROM inv_deduct('A', 1, reference => 'x');
SELECT tableoid::regclass, on_hand_delta, reference, extra, more FROM inv_movement
  ORDER BY movement_id DESC LIMIT 1;
SELECT * FROM inv_verify();

-- where and how leaves are stored is not for the caller to say
DROP TABLE mine;
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA "hard@ening";
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
CREATE ROLE regress_inv_till;
GRANT USAGE ON SCHEMA "hard@ening" TO regress_inv_till;
GRANT EXECUTE ON FUNCTION inv_receive TO regress_inv_till;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE regress_inv_space LOCATION '';
CREATE ACCESS METHOD regress_inv_heap TYPE TABLE HANDLER heap_tableam_handler;
SET inventory.leaf_size = 10;
SET default_tablespace = regress_inv_space;
SET default_table_access_method = regress_inv_heap;
SET ROLE regress_inv_till;
SELECT max(o.on_hand) FROM generate_series(1, 15) g, LATERAL inv_receive('A', 1, reference => 'r' || g) o;
RESET ROLE;
SHOW default_tablespace;
SHOW default_table_access_method;
SELECT c.relname, c.reltablespace, a.amname FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
  JOIN pg_am a ON a.oid = c.relam WHERE inhparent = 'inv_movement'::regclass ORDER BY c.oid;
SELECT count(*) AS elsewhere FROM pg_class
  WHERE reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = 'regress_inv_space');
RESET default_tablespace;
RESET default_table_access_method;
DROP ACCESS METHOD regress_inv_heap;
DROP TABLESPACE regress_inv_space;

-- roles with an @ in their names, in a schema with one
CREATE ROLE "regress_inv@home";
CREATE ROLE "regress_inv_@@""";
SELECT inv_grant(r, 'admin') FROM unnest('{regress_inv@home,"regress_inv_@@\""}'::text[]) r;
SET ROLE "regress_inv_@@""";
SELECT on_hand FROM inv_receive('A', 1);
SELECT available FROM inv_set_limits('A', safety_stock => 1);
UPDATE inv_item SET name = 'Apple, red';
SET ROLE "regress_inv@home";
SELECT on_hand FROM inv_deduct('A', 1);
RESET ROLE;
SELECT inv_revoke('regress_inv@home', 'clerk');
SET ROLE "regress_inv@home";
SELECT inv_available('A');
\pset format unaligned
\pset tuples_only on
SELECT refused('SELECT inv_deduct(''A'', 1)', true);
RESET ROLE;

-- the rights are the owner's to give, not of who may execute everything
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA "hard@ening" TO "regress_inv@home", regress_inv_till;
SET ROLE "regress_inv@home";
SELECT refused('SELECT inv_grant(''regress_inv@home'', ''admin'')');
SELECT refused('SELECT inv_revoke(''regress_inv_@@"'', ''reader'')');
SELECT refused('UPDATE inv_item SET name = ''x''', true);
RESET ROLE;
-- who is a member of the owner may
GRANT :"USER" TO regress_inv_till;
SET ROLE regress_inv_till;
SELECT inv_grant('regress_inv@home', 'admin');
SET ROLE "regress_inv@home";
UPDATE inv_item SET name = 'Apple' RETURNING name;
RESET ROLE;
REVOKE :"USER" FROM regress_inv_till;

-- only the owner inserts, as a restore does; also if GRANT says more
SELECT min(tableoid::regclass::text) AS leaf FROM inv_movement \gset
GRANT ALL ON inv_stock, inv_movement, inv_request, inv_stock_level, :leaf TO regress_inv_till;
SELECT state() AS before \gset
SET ROLE regress_inv_till;
SELECT refused(c) FROM unnest(ARRAY[
  'INSERT INTO inv_stock (sku, location, on_hand) VALUES (''A'', ''x'', 100)',
  'INSERT INTO inv_stock (sku, location) SELECT ''A'', ''x'' WHERE false',
  'INSERT INTO inv_stock_level (sku, location, on_hand) VALUES (''A'', ''x'', 100)',
  'INSERT INTO inv_stock (sku, location) VALUES (''A'', ''main'') ON CONFLICT DO NOTHING',
  'MERGE INTO inv_stock USING (VALUES (1)) v ON false WHEN NOT MATCHED THEN INSERT (sku, location) VALUES (''A'', ''x'')',
  'INSERT INTO inv_movement SELECT * FROM inv_movement LIMIT 1',
  'INSERT INTO inv_request (key, function, digest, created_at) VALUES (''k'', ''inv_deduct'', '''', now())']) c;
SELECT replace(refused(format('INSERT INTO %s SELECT * FROM %1$s LIMIT 1', :'leaf')), :'leaf', 'LEAF');
COPY inv_stock (sku, location, on_hand) FROM stdin;
A	x	100
\.
RESET ROLE;
SELECT state() = :'before' AS nothing_changed;
\pset tuples_only off
\pset format aligned
BEGIN;
INSERT INTO inv_stock (sku, location, on_hand) VALUES ('A', 'x', 100) RETURNING sku, location, on_hand;
SELECT sku, location, problem, expected, found FROM inv_verify();
ROLLBACK;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA "hard@ening" CASCADE;
DROP ROLE regress_inv_till, "regress_inv@home", "regress_inv_@@""";
