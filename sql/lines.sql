--
-- The arrays of the calls: every bad one, and the line it is bad in
--
CREATE SCHEMA lines;
CREATE EXTENSION inventory SCHEMA lines;
SET search_path = lines;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_receive_many('{A,B,A}', '{50,50,50}', '{main,main,shop}', key => 'in');
SELECT md5(state() || count(*)) AS before FROM inv_request \gset
-- lines - each call that takes arrays, with these arguments; the same is told
-- by all of them, once. A line that is named is in the message and in DETAIL.
CREATE FUNCTION lines(arguments text, calls text[] DEFAULT '{deduct,receive,adjust,each}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  said text;
  all_said text[] := '{}';
  named text;
BEGIN
  FOR i IN 1..cardinality(calls) LOOP
    said := refused(format('SELECT inv_%s(%s)', CASE calls[i] WHEN 'each' THEN 'deduct_each' ELSE calls[i] || '_many' END, arguments));
    IF calls[i] = 'adjust' THEN
      said := replace(replace(said, 'counted', 'quantities'), 'Pass 0 to', 'Pass 1 to');
    END IF;
    named := substring(split_part(said, E'\n', 1) FROM '\yline (\d+)');
    IF named IS DISTINCT FROM substring(said FROM '"line":(\d+)\y') THEN
      said := said || ' - LINE NOT IN BOTH';
    END IF;
    IF said <> ALL (all_said) THEN
      all_said := all_said || said;
    END IF;
  END LOOP;
  RETURN arguments || E'\n' || array_to_string(all_said, E'\n');
END $$;

-- null, empty, of several dimensions
SELECT lines($$NULL, '{1}'$$);
SELECT lines($$'{A}', NULL$$);
SELECT lines($$'{}', '{}'$$);
SELECT lines($$'{}', '{1}'$$);
SELECT lines($$'{A}', '{}'$$);
SELECT lines($$'{{A,B}}', '{1,2}'$$);
SELECT lines($$'{{A},{B}}', '{{1},{2}}'$$);
SELECT lines($$'{A,B}', '{{1,2}}'$$);
-- of unequal length: both arrays and both lengths are named
SELECT lines($$'{A,B}', '{1}'$$);
SELECT lines($$'{A}', '{1,2,3}'$$);
SELECT bool_and(said ~ 'skus' AND said ~ quantities AND said ~ '\y2\y' AND said ~ '\y5\y') AS both_named FROM (VALUES
  ('inv_deduct_many', 'quantities'), ('inv_receive_many', 'quantities'), ('inv_adjust_many', 'counted'), ('inv_deduct_each', 'quantities')) v(call, quantities),
  LATERAL split_part(refused(format('SELECT %s(''{A,B}'', ''{1,2,3,4,5}'')', call)), E'\n', 1) said;
-- a null inside
SELECT lines($$'{A,NULL}', '{1,1}'$$);
SELECT lines($$'{NULL}', '{1}'$$);
SELECT lines($$'{A,B,A}', '{1,1,NULL}'$$);
-- a quantity out of range
SELECT lines($$'{A,B,A}', '{1,-1,1}'$$);
SELECT lines($$'{A,B,A}', '{1,1,9007199254740992}'$$);
SELECT lines($$'{A,B}', '{-9223372036854775808,9223372036854775807}'$$);
SELECT lines($$'{A,B}', '{1,0}'$$, '{deduct,receive,each}');
-- a name that is too long
SELECT lines($$ARRAY['A', repeat('x', 129)], '{1,1}'$$);
SELECT lines($$ARRAY['A', repeat('ü', 65)], '{1,1}'$$);
-- strict or not
SELECT refused($$SELECT inv_deduct_many('{A,NULL}', '{1,1}', strict => false)$$, true), refused($$SELECT inv_adjust_many('{A,B}', '{1,-1}', strict => false)$$, true);
-- locations: one for each line, one for all, or none
SELECT lines($$'{A,B,A}', '{1,1,1}', '{main,shop}'$$);
SELECT lines($$'{A}', '{1}', '{main,shop}'$$);
SELECT lines($$'{A,B}', '{1,1}', '{}'$$);
SELECT lines($$'{A,B}', '{1,1}', '{{main,shop}}'$$);
SELECT lines($$'{A,B}', '{1,1}', '{main,NULL}'$$);
SELECT lines($$'{A,B}', '{1,1}', '{NULL}'$$) ~ '22004: ';
SELECT lines($$'{A,B}', '{1,1}', ARRAY['main', repeat('x', 129)]$$);
-- sources
SELECT lines($$'{A,B}', '{1,1}', sources => '{main,NULL}'$$, '{deduct}');
SELECT lines($$'{A,B}', '{1,1}', sources => '{main,shop,main}'$$, '{deduct}');
SELECT lines($$'{A,B}', '{1,1}', sources => '{{main,shop}}'$$, '{deduct}');
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', sources => ARRAY[repeat('x', 129)])$$, true);
-- keys and references of the lines
SELECT refused(format($$SELECT inv_deduct_each('{A,B}', '{1,1}', %s)$$, a)) FROM unnest(ARRAY[$$keys => '{k}'$$, $$keys => '{k,l,m}'$$, $$keys => '{}'$$, $$keys => '{{k,l}}'$$, $$keys => '{k,""}'$$,
  $$line_references => '{k}'$$, $$line_references => '{}'$$, $$line_references => '{{k,l}}'$$, $$keys => ARRAY['k', repeat('x', 256)]$$, $$line_references => ARRAY['k', repeat('x', 256)]$$]) a;
-- what concerns all lines is as in the single calls
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', strict => NULL)$$);
SELECT refused($$SELECT inv_adjust_many('{A}', '{1}', strict => NULL)$$, true);
SELECT left(refused(format($$SELECT inv_%s('{A}', '{1}', %s)$$, c, a)), 160) FROM unnest('{deduct_many,receive_many,adjust_many}'::text[]) c,
  unnest(ARRAY[$$reference => repeat('x', 256)$$, $$reason => repeat('x', 1001)$$, $$key => repeat('x', 256)$$, $$key => ''$$]) a;
SELECT left(refused($$SELECT inv_deduct_each('{A}', '{1}', reason => repeat('x', 1001))$$), 160);
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}', occurred_at => 'infinity')$$, true), refused($$SELECT inv_receive_many('{A}', '{1}', occurred_at => '-infinity')$$, true), refused($$SELECT inv_adjust_many('{A}', '{1}', counted_at => 'infinity')$$, true);
-- other types are no such function
SELECT refused($$SELECT inv_deduct_many('{A}'::text[], '{1.5}'::numeric[])$$, true), refused($$SELECT inv_deduct_many('A'::text, 1)$$, true);
BEGIN READ ONLY;
SELECT refused($$SELECT inv_deduct_many('{A}', '{1}')$$, true), refused($$SELECT inv_receive_many('{A}', '{1}')$$, true), refused($$SELECT inv_adjust_many('{A}', '{1}')$$, true);
SELECT refused($$SELECT inv_deduct_each('{A}', '{1}')$$);
COMMIT;

-- inventory.max_lines
SHOW inventory.max_lines;
SELECT refused('SELECT inv_deduct_each(array_fill(''A''::text, ARRAY[10001]), array_fill(1, ARRAY[10001]))');
SELECT DISTINCT status, count(*) FROM inv_deduct_many(array_fill('A'::text, ARRAY[10000]), array_fill(1, ARRAY[10000]), strict => false) GROUP BY status;
SET inventory.max_lines = 2;
SELECT lines($$'{A,B,A}', '{1,1,1}'$$);
SELECT count(*) FROM inv_deduct_many('{A,Z}', '{1,1}', strict => false);
SET inventory.max_lines = 1;
SELECT refused($$SELECT inv_deduct_each('{A,B}', '{1,1}')$$, true);
-- sources are no lines
SELECT status FROM inv_deduct_many('{Z}', '{1}', sources => '{main,shop}', strict => false);
SELECT refused('SET inventory.max_lines = 0', true), refused('SET inventory.max_lines = 1000001', true), refused('SET inventory.max_lines = -1', true), refused('SET inventory.max_lines = ''many''', true);
SET inventory.max_lines = 1000000;
RESET inventory.max_lines;
-- any user may set it
CREATE ROLE regress_inv_lines;
SET ROLE regress_inv_lines;
SET inventory.max_lines = 5;
SHOW inventory.max_lines;
RESET inventory.max_lines;
RESET ROLE;
DROP ROLE regress_inv_lines;
SELECT md5(state() || count(*)) = :'before' AS nothing_changed FROM inv_request;

-- arrays that begin elsewhere than at 1 are counted from 1 all the same
SELECT line, status, sku, location FROM inv_deduct_many('[5:6]={A,B}', '[0:1]={1,1}', '[-3:-2]={shop,main}');
SELECT refused($$SELECT inv_deduct_many('[5:6]={A,NULL}', '{1,1}')$$) ~ 'line 2';
-- rows of a table, and of a prepared statement
SELECT o.line, o.sku, o.on_hand FROM (SELECT array_agg(sku ORDER BY sku DESC) AS skus, array_agg(2::bigint) AS quantities FROM inv_item) i, LATERAL inv_deduct_each(i.skus, i.quantities) o ORDER BY line;
PREPARE take(text[], bigint[]) AS SELECT line, on_hand FROM inv_deduct_many($1, $2);
EXECUTE take('{A,B}', '{1,1}');
EXECUTE take('{B}', '{1}');
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA lines CASCADE;
