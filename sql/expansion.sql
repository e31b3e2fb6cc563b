--
-- (f()).*: PostgreSQL would call f once per column, so it is refused
--
CREATE SCHEMA expansion;
CREATE EXTENSION inventory SCHEMA expansion;
SET search_path = expansion;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

LOAD 'inventory';
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 100);
SELECT on_hand FROM inv_deduct('A', 10, key => 'k');
CREATE TABLE sale (sku text, quantity bigint);
INSERT INTO sale VALUES ('A', 1), ('A', 2);
SELECT state() AS before \gset

\set SHOW_CONTEXT never
SELECT (inv_deduct('A', 1)).*;
\pset format unaligned
\pset tuples_only on
-- each function that answers with outcomes
SELECT refused('SELECT (' || call || ').*', true) || ' ' || call FROM unnest(ARRAY[
  'inv_receive(''A'', 1)', 'inv_deduct(''A'', 1)', 'inv_adjust(''A'', 1)',
  'inv_transfer(''A'', 1, ''main'', ''shop'')', 'inv_return(''k'', 1)',
  'inv_set_limits(''A'', safety_stock => 1)', 'expansion.inv_deduct(''A'', 1)',
  'inv_deduct(sku => ''A'', quantity => 1, strict => false)',
  '(inv_deduct(''A'', 1))']) call;
-- wherever it stands
SELECT refused(command, true) || ' ' || command FROM unnest(ARRAY[
  'SELECT sku, (inv_deduct(sku, quantity)).* FROM sale',
  'SELECT 1, (inv_deduct(''A'', 1)).*, 2',
  'SELECT * FROM (SELECT (inv_deduct(''A'', 1)).*) s',
  'SELECT status FROM (SELECT (inv_deduct(''A'', 1)).*) s',
  'SELECT s.* FROM sale, LATERAL (SELECT (inv_deduct(sale.sku, 1)).*) s',
  'WITH c AS (SELECT (inv_deduct(''A'', 1)).*) SELECT * FROM c',
  'WITH c AS MATERIALIZED (SELECT (inv_deduct(''A'', 1)).*) SELECT status FROM c',
  'SELECT (SELECT status FROM (SELECT (inv_deduct(''A'', 1)).*) x)',
  'SELECT 1 WHERE EXISTS (SELECT (inv_deduct(''A'', 1)).*)',
  'SELECT (inv_deduct(''A'', 1)).* UNION ALL SELECT (inv_deduct(''A'', 2)).*',
  'VALUES ((inv_deduct(''A'', 1)).*)',
  'CREATE TABLE t AS SELECT (inv_deduct(''A'', 1)).*',
  'CREATE MATERIALIZED VIEW m AS SELECT (inv_deduct(''A'', 1)).*',
  'INSERT INTO sale SELECT x.sku, x.quantity FROM (SELECT (inv_deduct(''A'', 1)).*) x',
  'UPDATE sale SET quantity = x.on_hand FROM (SELECT (inv_deduct(''A'', 1)).*) x',
  'DELETE FROM sale USING (SELECT (inv_deduct(''A'', 1)).*) x',
  'INSERT INTO sale VALUES (''A'', 1) RETURNING (inv_deduct(sku, quantity)).*',
  'UPDATE sale SET quantity = 1 RETURNING (inv_deduct(sku, quantity)).*',
  'EXPLAIN SELECT (inv_deduct(''A'', 1)).*',
  'EXPLAIN ANALYZE SELECT (inv_deduct(''A'', 1)).*',
  'CREATE VIEW v AS SELECT (inv_deduct(''A'', 1)).*',
  'DECLARE c CURSOR FOR SELECT (inv_deduct(''A'', 1)).*',
  'PREPARE p AS SELECT (inv_deduct(''A'', 1)).*',
  'PREPARE p(text) AS INSERT INTO sale SELECT x.sku, 1 FROM (SELECT (inv_deduct($1, 1)).*) x',
  'DO ''DECLARE o inv_outcome; BEGIN SELECT (inv_deduct(''''A'''', 1)).* INTO o; END''',
  'DO ''BEGIN PERFORM (inv_deduct(''''A'''', 1)).*; END''',
  'DO ''BEGIN EXECUTE $x$SELECT (inv_deduct(''''A'''', 1)).*$x$; END''',
  'CREATE FUNCTION f() RETURNS SETOF inv_outcome LANGUAGE sql AS ''SELECT (inv_deduct(''''A'''', 1)).*''',
  'COPY (SELECT (inv_deduct(''A'', 1)).*) TO STDOUT']) command;
SELECT state() = :'before' AS nothing_changed;
-- the same by hand: two columns are two calls
SELECT refused('SELECT (inv_deduct(''A'', 1)).status, (inv_deduct(''A'', 1)).on_hand') = 'NOT REFUSED' AS two_calls;
SELECT on_hand FROM inv_stock_level;

-- what calls once is right, and stays so
SELECT refused(command, true) || ' ' || command FROM unnest(ARRAY[
  'SELECT * FROM inv_deduct(''A'', 1)',
  'SELECT d.* FROM inv_deduct(''A'', 1) d',
  'SELECT d FROM inv_deduct(''A'', 1) d',
  'SELECT (d).* FROM inv_deduct(''A'', 1) d',
  'SELECT inv_deduct(''A'', 1)',
  'SELECT (inv_deduct(''A'', 1)).status',
  'SELECT count(inv_deduct(''A'', 1))',
  'SELECT (d).* FROM (SELECT inv_deduct(''A'', 1) AS d OFFSET 0) s',
  'WITH c AS MATERIALIZED (SELECT inv_deduct(''A'', 1) AS d) SELECT (d).* FROM c',
  'WITH c AS (SELECT * FROM inv_deduct(''A'', 1)) SELECT * FROM c',
  'SELECT s.sku, d.* FROM sale s, LATERAL inv_deduct(s.sku, 1) d',
  'SELECT * FROM ROWS FROM (inv_deduct(''A'', 1), inv_receive(''A'', 1)) r',
  'SELECT row_to_json(d) FROM inv_deduct(''A'', 1) d',
  'SELECT to_jsonb(inv_deduct(''A'', 1))',
  'DO ''DECLARE o inv_outcome; BEGIN o := inv_deduct(''''A'''', 1); SELECT * INTO o FROM inv_deduct(''''A'''', 1); END''']) command;
-- each of them called once
SELECT on_hand FROM inv_stock_level;
-- a function of the same name elsewhere is none of our business
CREATE SCHEMA regress_other;
CREATE FUNCTION regress_other.inv_deduct(text, bigint) RETURNS inv_outcome LANGUAGE sql
  AS 'SELECT ROW(1, ''mine'', $1, NULL, $2, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::inv_outcome';
SELECT (regress_other.inv_deduct('A', 1)).status;
SELECT (regress_other.inv_deduct('A', 1)).*;
-- nor a user's own function that calls ours, once per column though it be
CREATE FUNCTION sell(text) RETURNS inv_outcome LANGUAGE plpgsql AS 'BEGIN RETURN inv_deduct($1, 1); END';
SELECT refused('SELECT (sell(''A'')).*', true);
-- a view that was made the right way
CREATE VIEW v AS SELECT * FROM inv_deduct('A', 1);
SELECT status FROM v;
SELECT refused('SELECT (v).* FROM v', true);
\pset tuples_only off
\pset format aligned
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA expansion, regress_other CASCADE;
