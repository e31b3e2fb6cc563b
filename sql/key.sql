--
-- Keys: one effect per key, however often and however it is asked for
--
CREATE SCHEMA key;
CREATE EXTENSION inventory SCHEMA key;
SET search_path = key;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, active) VALUES
  ('A', 'Apple', true), ('B', 'Bread', true), ('OLD', 'Old', false);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 100);
SELECT on_hand FROM inv_receive('A', 100, 'shop');
SELECT on_hand FROM inv_receive('B', 100);

-- every function: done once, then answered alike
SELECT :outcome FROM inv_receive('A', 5, key => 'r');
SELECT :outcome FROM inv_receive('A', 5, key => 'r');
SELECT :outcome FROM inv_deduct('A', 3, key => 'd');
SELECT :outcome FROM inv_deduct('A', 3, key => 'd');
SELECT :outcome FROM inv_adjust('A', 90, key => 'a');
SELECT :outcome FROM inv_adjust('A', 90, key => 'a');
SELECT :outcome FROM inv_transfer('A', 10, 'main', 'shop', key => 't');
SELECT :outcome FROM inv_transfer('A', 10, 'main', 'shop', key => 't');
SELECT :outcome FROM inv_return('d', 2, key => 'b');
SELECT :outcome FROM inv_return('d', 2, key => 'b');
SELECT location, kind, on_hand_delta, version, key FROM inv_movement
  WHERE key IS NOT NULL ORDER BY movement_id;
SELECT location, on_hand, version FROM inv_stock_level WHERE sku = 'A' ORDER BY location;
SELECT key, function, cardinality(outcomes) AS rows, octet_length(digest) > 0 AS digest,
       created_at <= clock_timestamp() AS past FROM inv_request ORDER BY key;
-- the replay is the first answer to the letter, movement_id too, whatever was since
SELECT on_hand FROM inv_deduct('A', 1);
SELECT count(*), count(DISTINCT movement_id), bool_and(replayed) FROM (
  SELECT * FROM inv_deduct('A', 3, key => 'd') UNION ALL
  SELECT * FROM inv_deduct('A', 3, key => 'd')) x;
SELECT d.movement_id = m.movement_id AS same, d.on_hand, d.version, d.replayed
  FROM inv_deduct('A', 3, key => 'd') d, inv_movement m WHERE m.key = 'd';
SELECT count(*) AS same FROM inv_transfer('A', 10, 'main', 'shop', key => 't') t
  JOIN inv_movement m USING (movement_id, location) WHERE m.key = 't';
-- twice in one statement and one transaction
SELECT x.on_hand, x.replayed, y.on_hand, y.replayed
  FROM inv_deduct('A', 1, key => 'twice') x, inv_deduct('A', 1, key => 'twice') y;
SELECT o.replayed, count(*) FROM generate_series(1, 5) g,
  LATERAL inv_deduct('A', 1, key => 'five' || left(g::text, 0)) o GROUP BY 1 ORDER BY 1;
-- without a key there is none: no row, no replay
SELECT count(*) AS rows FROM inv_request;
SELECT replayed FROM inv_deduct('A', 1, key => NULL);
SELECT replayed FROM inv_deduct('A', 1, key => NULL);
SELECT count(*) AS rows FROM inv_request;

-- the same key with other arguments: each argument counts
SELECT inv_receive('B', 1, 'main', 'ref', 'why', 'R', '2020-01-01 00:00+00') IS NOT NULL AS done;
SELECT inv_deduct('B', 1, 'main', 'ref', 'why', 'D', true, 2, 2, '2020-01-01 00:00+00') IS NOT NULL AS done;
SELECT inv_adjust('B', 100, 'main', 'ref', 'why', 'J', true, 3, '2020-01-01 00:00+00') IS NOT NULL AS done;
SELECT count(*) AS done FROM inv_transfer('B', 1, 'main', 'shop', 'ref', 'why', 'T', true, 2);
SELECT count(*) AS done FROM inv_return('D', 1, 'B', 'shop', 'why', 'Z');
SELECT md5(state() || (SELECT string_agg(r::text, ';' ORDER BY key) FROM inv_request r)) AS before \gset
-- differing - repeats the call with one argument replaced by another value,
-- then by null, each in turn but for the fixed ones; says what it was told
CREATE FUNCTION differing(call text, arguments text[], others text[], fixed int[])
RETURNS TABLE(argument int, told text) LANGUAGE plpgsql AS $$
BEGIN
  FOR i IN 1..cardinality(arguments) LOOP
    CONTINUE WHEN i = ANY (fixed);
    argument := i;
    told := refused(format('SELECT %s(%s)', call, array_to_string(
      arguments[:i - 1] || others[i] || arguments[i + 1:], ', ')));
    RETURN NEXT;
    told := refused(format('SELECT %s(%s)', call, array_to_string(
      arguments[:i - 1] || 'NULL'::text || arguments[i + 1:], ', ')), true);
    RETURN NEXT;
  END LOOP;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT * FROM differing('inv_receive',
  '{''B'',1,''main'',''ref'',''why'',''R'',''2020-01-01 00:00+00''}',
  '{''A'',2,''shop'',''rex'',''who'',-,''2020-01-01 00:01+00''}', '{6}');
SELECT * FROM differing('inv_deduct',
  '{''B'',1,''main'',''ref'',''why'',''D'',true,2,2,''2020-01-01 00:00+00''}',
  '{''A'',2,''shop'',''rex'',''who'',-,-,3,3,''2020-01-01 00:01+00''}', '{6,7}');
SELECT * FROM differing('inv_adjust',
  '{''B'',100,''main'',''ref'',''why'',''J'',true,3,''2020-01-01 00:00+00''}',
  '{''A'',99,''shop'',''rex'',''who'',-,-,4,''2020-01-01 00:01+00''}', '{6,7}');
SELECT * FROM differing('inv_transfer',
  '{''B'',1,''main'',''shop'',''ref'',''why'',''T'',true,2}',
  '{''A'',2,''x'',''x'',''rex'',''who'',-,-,3}', '{7,8}');
SELECT * FROM differing('inv_return', '{''D'',1,''B'',''shop'',''why'',''Z''}',
  '{''R'',2,''A'',''main'',''who'',-}', '{6}');
-- and so does the function, and which argument a value stands in
SELECT refused($$SELECT inv_receive('A', 3, key => 'd')$$);
SELECT refused($$SELECT inv_deduct('A', 5, key => 'r')$$);
SELECT refused($$SELECT inv_adjust('A', 3, key => 'd')$$);
SELECT refused($$SELECT inv_transfer('A', 3, 'main', 'shop', key => 'd')$$);
SELECT refused($$SELECT inv_return('r', 3, key => 'd')$$);
SELECT refused($$SELECT inv_transfer('A', 10, 'shop', 'main', key => 't')$$);
SELECT refused($$SELECT inv_deduct('B', 1, 'main', 'why', 'ref', 'D', true, 2, 2, '2020-01-01 00:00+00')$$);
SELECT refused($$SELECT inv_deduct('B', 1, 'main', 'refw', 'hy', 'D', true, 2, 2, '2020-01-01 00:00+00')$$);
-- not strict does not help: it is the caller's error
SELECT refused($$SELECT inv_deduct('A', 4, key => 'd', strict => false)$$);
SELECT refused($$SELECT inv_deduct('none', 3, key => 'd', strict => false)$$);
\pset tuples_only off
\pset format aligned
-- none of them had an effect, nor did it spoil the key
SELECT md5(state() || (SELECT string_agg(r::text, ';' ORDER BY key) FROM inv_request r)) = :'before' AS nothing_changed;
SELECT on_hand, replayed FROM inv_deduct('A', 3, key => 'd');

-- arguments are compared as they are resolved
SELECT replayed FROM inv_deduct('A', 3, 'main', key => 'd');
SET inventory.default_location = 'shop';
SELECT replayed FROM inv_deduct('A', 3, 'main', key => 'd');
SELECT refused($$SELECT inv_deduct('A', 3, key => 'd')$$, true);
RESET inventory.default_location;
SELECT count(*) AS rows, bool_and(replayed) FROM inv_transfer('A', 10, NULL, 'shop', key => 't');
SET timezone = 'Asia/Tokyo';
SELECT replayed FROM inv_receive('B', 1, NULL, 'ref', 'why', 'R', '2020-01-01 09:00');
RESET timezone;
-- strict is not one of them, nor who asks
SELECT replayed FROM inv_deduct('A', 3, key => 'd', strict => false);
SET inventory.actor = 'somebody';
SELECT replayed FROM inv_deduct('A', 3, key => 'd');
RESET inventory.actor;

-- refused and raised: nothing is kept, the next try is a fresh one
SELECT state() AS before, count(*) AS requests FROM inv_request \gset
SELECT inv_deduct('B', 1000, key => 'no');
SELECT inv_deduct('none', 1, key => 'no');
SELECT inv_deduct('OLD', 1, key => 'no');
SELECT inv_adjust('B', 1, expected_version => 0, key => 'no');
SELECT inv_transfer('B', 1, 'main', 'x', key => 'no');
SELECT inv_return('no', key => 'no');
SELECT state() = :'before' AND count(*) = :requests AS nothing_changed FROM inv_request;
SELECT status, replayed FROM inv_deduct('B', 1, key => 'no');
-- refused and returned: remembered, though there is enough now
SELECT :outcome FROM inv_deduct('OLD', 1, key => 'n1', strict => false);
SELECT :outcome FROM inv_deduct('A', 1000, key => 'n2', strict => false);
SELECT :outcome FROM inv_deduct('later', 1, key => 'n3', strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'later', key => 'n4', strict => false);
SELECT :outcome FROM inv_adjust('A', 1, expected_version => 1, key => 'n5', strict => false);
SELECT :outcome FROM inv_transfer('A', 2000, 'main', 'shop', key => 'n6', strict => false);
UPDATE inv_item SET active = true WHERE sku = 'OLD';
INSERT INTO inv_item (sku, name) VALUES ('later', 'Later');
INSERT INTO inv_location (location) VALUES ('later');
SELECT count(*) FROM unnest('{A,OLD,later}'::text[]) s(sku), LATERAL inv_receive(s.sku, 5000) o;
SELECT count(*) FROM inv_receive('A', 5000, 'later');
SELECT :outcome FROM inv_deduct('OLD', 1, key => 'n1', strict => false);
SELECT :outcome FROM inv_deduct('A', 1000, key => 'n2', strict => false);
SELECT :outcome FROM inv_deduct('later', 1, key => 'n3', strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'later', key => 'n4', strict => false);
SELECT :outcome FROM inv_adjust('A', 1, expected_version => 1, key => 'n5', strict => false);
SELECT :outcome FROM inv_transfer('A', 2000, 'main', 'shop', key => 'n6', strict => false);
-- and raised to who wants it raised
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_deduct('OLD', 1, key => 'n1')$$);
SELECT refused($$SELECT inv_deduct('A', 1000, key => 'n2')$$);
SELECT refused($$SELECT inv_deduct('later', 1, key => 'n3')$$, true);
SELECT refused($$SELECT inv_deduct('A', 1, 'later', key => 'n4')$$);
SELECT refused($$SELECT inv_adjust('A', 1, expected_version => 1, key => 'n5')$$, true);
SELECT refused($$SELECT inv_transfer('A', 2000, 'main', 'shop', key => 'n6')$$);
-- still remembered
SELECT status, replayed FROM inv_deduct('A', 1000, key => 'n2', strict => false);

-- what is a key: 1 to 255 bytes, any of them
SELECT refused($$SELECT inv_receive('A', 1, key => '')$$);
SELECT refused($$SELECT inv_deduct('A', 1, key => '', strict => false)$$);
SELECT left(refused(format('SELECT %s, key => %L)', call, repeat('k', 256))), 120) FROM unnest('{
  "inv_receive(''A'', 1", "inv_deduct(''A'', 1", "inv_adjust(''A'', 1",
  "inv_transfer(''A'', 1, ''main'', ''shop''", "inv_return(''d'', 1"}'::text[]) call;
SELECT refused(format('SELECT inv_receive(''A'', 1, key => %L)', repeat('ü', 128)), true);
\pset tuples_only off
\pset format aligned
SELECT k, (SELECT replayed FROM inv_receive('A', 1, key => f)) AS first,
       (SELECT replayed FROM inv_receive('A', 1, key => f)) AS again
  FROM (VALUES ('255 bytes', repeat('k', 255)), ('another', repeat('k', 254) || 'l'),
    ('wide', repeat('ü', 127)), ('blank', ' '), ('blanks', '  '), ('case', 'X'),
    ('other case', 'x'), ('null?', 'null'), ('quotes', $$a'"\$$), ('lines', E'a\nb'),
    ('trailing', 'x '), ('composed', U&'\00FC'), ('decomposed', U&'u\0308')) v(k, f);
-- one name space: the functions do not have one each
SELECT refused($$SELECT inv_deduct('A', 1, key => 'X')$$, true);

-- a transaction or a savepoint that is rolled back takes the key with it
BEGIN;
SELECT replayed FROM inv_deduct('A', 1, key => 'tx');
SELECT replayed FROM inv_deduct('A', 1, key => 'tx');
ROLLBACK;
SELECT replayed FROM inv_deduct('A', 1, key => 'tx');
BEGIN;
SAVEPOINT s;
SELECT replayed FROM inv_deduct('A', 1, key => 'sp');
SELECT status FROM inv_deduct('A', 9999999, key => 'sn', strict => false);
ROLLBACK TO s;
SELECT replayed FROM inv_deduct('A', 1, key => 'sp');
SELECT status, replayed FROM inv_deduct('A', 9999999, key => 'sn', strict => false);
SELECT refused($$SELECT inv_deduct('A', 2, key => 'sp')$$, true);
SELECT replayed FROM inv_deduct('A', 1, key => 'sp');
COMMIT;
SELECT replayed FROM inv_deduct('A', 1, key => 'sp');
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT replayed FROM inv_deduct('A', 1, key => 'ser');
SELECT replayed FROM inv_deduct('A', 1, key => 'ser');
SELECT replayed FROM inv_deduct('A', 1, key => 'sp');
COMMIT;
-- a replay is no change, but its caller's transaction may not be read-only
BEGIN READ ONLY;
SELECT refused($$SELECT inv_deduct('A', 1, key => 'sp')$$, true);
COMMIT;

-- nobody writes the keys but the functions
\pset format unaligned
\pset tuples_only on
SELECT split_part(refused(c), E'\n  HINT', 1) FROM unnest('{UPDATE inv_request SET function = NULL,
  DELETE FROM inv_request, DELETE FROM inv_request WHERE false,
  TRUNCATE inv_request}'::text[]) c;
\pset tuples_only off
\pset format aligned

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA key CASCADE;
