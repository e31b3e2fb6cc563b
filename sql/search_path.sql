--
-- Nothing depends on the caller's search_path
--
CREATE SCHEMA search_path;
CREATE EXTENSION inventory SCHEMA search_path;
SET search_path = search_path;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name, safety_stock) VALUES ('A', 'Apple', 1), ('B', 'Bread', 0);

-- an empty path: first calls of the session, and later ones
SET search_path = '';
SELECT :outcome FROM search_path.inv_receive('A', 10);
SELECT :outcome FROM search_path.inv_deduct('A', 2);
SELECT :outcome FROM search_path.inv_deduct('A', 20, strict => false);
SELECT search_path.inv_available('A');
SELECT kind, on_hand_delta FROM search_path.inv_history('A');
SELECT * FROM search_path.inv_verify();
SELECT sku, location, on_hand, floor, available FROM search_path.inv_stock_level;
UPDATE search_path.inv_item SET safety_stock = 2 WHERE sku = 'A';
SELECT search_path.inv_available('A');

-- a hostile schema ahead of everything, pg_catalog included: operators and
-- functions that raise, tables and types of our names
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.caught_bigint(bigint, bigint) RETURNS bigint LANGUAGE plpgsql
  AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.caught(bigint, bigint) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.caught(text, text) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.caught(integer, integer) RETURNS boolean LANGUAGE plpgsql
  AS $$ BEGIN RAISE 'captured'; END $$;
CREATE FUNCTION hostile.caught_text(text, text) RETURNS text LANGUAGE plpgsql
  AS $$ BEGIN RAISE 'captured'; END $$;
SELECT format('CREATE OPERATOR hostile.%s (leftarg = bigint, rightarg = bigint, function = hostile.caught_bigint)', op)
  FROM pg_catalog.unnest('{+,-,*,/,%}'::pg_catalog.text[]) op \gexec
SELECT format('CREATE OPERATOR hostile.%s (leftarg = %s, rightarg = %2$s, function = hostile.caught)', op, type)
  FROM pg_catalog.unnest('{=,<>,<,<=,>,>=}'::pg_catalog.text[]) op,
       pg_catalog.unnest('{bigint,text,integer}'::pg_catalog.text[]) type \gexec
SELECT format('CREATE OPERATOR hostile.%s (leftarg = text, rightarg = text, function = hostile.caught)', op)
  FROM pg_catalog.unnest('{~,!~,~~,!~~,~*}'::pg_catalog.text[]) op \gexec
CREATE OPERATOR hostile.|| (leftarg = text, rightarg = text, function = hostile.caught_text);
SELECT format('CREATE FUNCTION hostile.%s(%s) RETURNS %s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''captured''; END $f$', f, args, result)
  FROM (VALUES ('lower', 'text', 'text'), ('upper', 'text', 'text'), ('btrim', 'text', 'text'),
    ('octet_length', 'text', 'integer'), ('length', 'text', 'integer'),
    ('replace', 'text, text, text', 'text'), ('regexp_replace', 'text, text, text, text', 'text'),
    ('translate', 'text, text, text', 'text'), ('now', '', 'timestamptz'),
    ('clock_timestamp', '', 'timestamptz'), ('pg_current_xact_id', '', 'xid8'),
    ('nextval', 'regclass', 'bigint'), ('current_setting', 'text', 'text'),
    ('current_setting', 'text, boolean', 'text'), ('int8', 'text', 'bigint'),
    ('sum', 'bigint', 'numeric'), ('quote_ident', 'text', 'text'),
    ('format', 'text, text', 'text')) v(f, args, result) \gexec
CREATE TABLE hostile.inv_item (sku pg_catalog.text);
CREATE TABLE hostile.inv_stock (sku pg_catalog.text);
CREATE TABLE hostile.inv_movement (sku pg_catalog.text);
CREATE TABLE hostile.inv_location (location pg_catalog.text);
CREATE TYPE hostile.inv_outcome AS (status pg_catalog.text);
CREATE TEMP TABLE inv_item (sku pg_catalog.text);
CREATE TEMP TABLE inv_stock (sku pg_catalog.text);
CREATE TEMP TABLE inv_movement (sku pg_catalog.text);
CREATE TEMP TABLE inv_location (location pg_catalog.text);

-- is it one? yes: an ordinary statement is captured
SET search_path = pg_temp, hostile, pg_catalog;
SELECT 1::bigint - 1::bigint;
SELECT lower('A');

-- with the plans of before
SELECT :outcome FROM search_path.inv_deduct('A', 1);
SELECT :outcome FROM search_path.inv_deduct('A', 20, strict => false);
-- with new plans: a new session
\c -
\set outcome 'line, status, sku, location, quantity, on_hand, reserved, available, backordered, version, movement_id IS NOT NULL AS moved, replayed'
SET search_path = hostile, pg_catalog, search_path;
SELECT :outcome FROM search_path.inv_deduct('A', 1);
SELECT :outcome FROM search_path.inv_deduct('A', 20, strict => false);
SELECT :outcome FROM search_path.inv_deduct('a', 1, strict => false);
SELECT :outcome FROM search_path.inv_receive('A', 1);
SELECT :outcome FROM search_path.inv_receive('B', 1);
SELECT search_path.inv_deduct('b ', 1);
SELECT search_path.inv_deduct('A', 20);
SELECT search_path.inv_available('A');
SELECT kind, on_hand_delta FROM search_path.inv_history('A', max_rows => 2);
SELECT * FROM search_path.inv_verify();
SELECT sku, location, on_hand, floor, available FROM search_path.inv_stock_level;
UPDATE search_path.inv_item SET safety_stock = 0;
INSERT INTO search_path.inv_item (sku, name) VALUES ('C', 'Cheese');
DELETE FROM search_path.inv_stock;
SELECT search_path.inv_available('A');
-- new leaves, too
SET inventory.leaf_size = 10;
SELECT o.status FROM pg_catalog.generate_series(1, 40) g, LATERAL search_path.inv_receive('C', g) o
  OFFSET 39;
SELECT * FROM search_path.inv_verify();
-- nothing of the above went where it was lured
SELECT count(*) FROM hostile.inv_movement;
RESET search_path;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA search_path, hostile CASCADE;
