--
-- inv_apply: JSON that is no order, each with the line and the field it is in
--
CREATE SCHEMA apply_json;
CREATE EXTENSION inventory SCHEMA apply_json;
SET search_path = apply_json;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 100, key => 'in');
SELECT on_hand FROM inv_deduct('A', 1, key => 'out');
SELECT state() AS before \gset
-- bad - what the request is told
CREATE FUNCTION bad(request text) RETURNS text LANGUAGE sql AS $$
  SELECT refused(format('SELECT inv_apply(%L::jsonb)', request)) $$;
-- field - what is told of a second line with this operation; it must name the
-- line, in the message and in DETAIL, and the field that is looked for
CREATE FUNCTION field(line text, looked_for text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  told text := bad(format('{"strict":false,"lines":[{"op":"deduct","sku":"A","quantity":1},%s,{"op":"deduct","sku":"A","quantity":1}]}', line));
BEGIN
  RETURN concat_ws(' ', split_part(told, E'\n', 1),
    CASE WHEN split_part(told, E'\n', 1) !~ 'line 2\y' THEN '- NO LINE' END,
    CASE WHEN told !~ '"line":2\y' THEN '- NO LINE IN DETAIL' END,
    CASE WHEN split_part(told, E'\n', 1) !~ ('\y' || looked_for || '\y') THEN '- NO FIELD' END);
END $$;

-- the request
SELECT refused('SELECT inv_apply(NULL)');
SELECT r || E'\n' || bad(r) FROM unnest(ARRAY['null', '5', '"deduct"', 'true', '[]', '[{"lines":[]}]']) r;
-- its fields: unknown ones, wrong types; each is named
CREATE FUNCTION request_field(fields text, looked_for text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  told text := split_part(bad(format('{%s}', fields)), E'\n', 1);
BEGIN
  RETURN concat_ws(' ', told, CASE WHEN told !~ ('\y' || looked_for || '\y') THEN '- NO FIELD' END);
END $$;
\set line '"lines":[{"op":"deduct","sku":"A","quantity":1}]'
SELECT f || ': ' || request_field(f || ',' || :'line', regexp_replace(f, '^"(\w+)".*', '\1')) FROM unnest(ARRAY[
  '"Key":"k"', '"line":1', '"location":"main"', '"sources":["main"]', '"counted_at":"2020-01-01"',
  '"key":1', '"key":["k"]', '"key":""', '"reference":1', '"reference":{}', '"reason":false', '"strict":"false"', '"strict":0',
  '"occurred_at":5', '"occurred_at":true']) f;
SELECT f || ': ' || split_part(bad(format('{%s,%s}', f, :'line')), ':', 1) FROM unnest(ARRAY['"occurred_at":"soon"', '"occurred_at":""', '"occurred_at":"2020-13-01"',
  '"occurred_at":"infinity"', '"occurred_at":"-infinity"']) f;
SELECT left(request_field(format('"key":"%s",%s', repeat('x', 256), :'line'), 'key'), 120);
SELECT left(request_field(format('"reference":"%s",%s', repeat('x', 256), :'line'), 'reference'), 120);
SELECT left(request_field(format('"reason":"%s",%s', repeat('x', 1001), :'line'), 'reason'), 120);
SELECT f || ': ' || request_field(f, 'lines') FROM unnest(ARRAY['"key":"k"', '"lines":null', '"lines":[]', '"lines":{}',
  '"lines":{"op":"deduct"}', '"lines":"deduct"', '"lines":1']) f;
-- a line
SELECT l || ': ' || field(l, 'line') FROM unnest(ARRAY['null', '1', '"deduct"', '[]', 'true', '["deduct","A",1]']) l;
-- its operation
SELECT l || ': ' || field(l, 'op') FROM unnest(ARRAY['{}', '{"sku":"A","quantity":1}', '{"op":null,"sku":"A","quantity":1}', '{"op":1,"sku":"A","quantity":1}',
  '{"op":["deduct"],"sku":"A","quantity":1}']) l;
SELECT o || ': ' || field(format('{"op":"%s","sku":"A","quantity":1}', o), o) FROM unnest(ARRAY['sell', 'Deduct', 'deducts', 'inv_deduct', 'set_limits']) o;
-- a field that the operation does not know, one that is missing, or null
SELECT o || ' ' || f || ': ' || field(format('{"op":"%s",%s,%s}', o, CASE o WHEN 'adjust' THEN '"sku":"A","counted":1' WHEN 'return' THEN '"of_key":"out"' ELSE '"sku":"A","quantity":1' END, f),
    regexp_replace(f, '^"(\w+)".*', '\1'))
  FROM (VALUES ('deduct', '{"\"SKU\":\"A\"","\"counted\":1","\"key\":\"k\"","\"reference\":\"r\"","\"strict\":false","\"to_location\":\"shop\"","\"of_key\":\"out\""}'::text[]),
    ('receive', '{"\"keep\":1","\"expected_version\":1","\"sources\":[\"main\"]","\"counted\":1"}'),
    ('adjust', '{"\"quantity\":1","\"keep\":1","\"sources\":[]","\"counted_at\":\"2020-01-01\""}'),
    ('transfer', '{"\"location\":\"shop\"","\"sources\":[\"shop\"]","\"expected_version\":1"}'),
    ('return', '{"\"keep\":1","\"reason\":\"r\"","\"sources\":[\"main\"]","\"expected_version\":1"}')) v(o, fs), unnest(fs) WITH ORDINALITY u(f, n);
SELECT l || ': ' || field(l, w) FROM (VALUES ('{"op":"deduct","quantity":1}', 'sku'), ('{"op":"deduct","sku":"A"}', 'quantity'), ('{"op":"deduct","sku":null,"quantity":1}', 'sku'),
  ('{"op":"receive","quantity":1}', 'sku'), ('{"op":"receive","sku":"A","quantity":null}', 'quantity'), ('{"op":"adjust","counted":1}', 'sku'), ('{"op":"adjust","sku":"A"}', 'counted'),
  ('{"op":"transfer","sku":"A"}', 'quantity'), ('{"op":"transfer","quantity":1}', 'sku'), ('{"op":"return"}', 'of_key'), ('{"op":"return","of_key":null}', 'of_key')) v(l, w);
-- a number that is none, is not whole, or out of range
SELECT v || ': ' || field(format('{"op":"deduct","sku":"A","quantity":%s}', v), 'quantity') FROM unnest(ARRAY['"1"', 'true', '[1]', '{}', '1.5', '0.9999999999999999999', '1e-3', '0', '-1', '-0.0',
  '9007199254740992', '9007199254740991.5', '1e400', '-1e400', '99999999999999999999999999']) v;
SELECT l || ': ' || field(l, w) FROM (VALUES ('{"op":"adjust","sku":"A","counted":-1}', 'counted'), ('{"op":"adjust","sku":"A","counted":"0"}', 'counted'), ('{"op":"adjust","sku":"A","counted":0.5}', 'counted'),
  ('{"op":"deduct","sku":"A","quantity":1,"keep":-1}', 'keep'), ('{"op":"deduct","sku":"A","quantity":1,"keep":0.5}', 'keep'), ('{"op":"deduct","sku":"A","quantity":1,"keep":"0"}', 'keep'),
  ('{"op":"deduct","sku":"A","quantity":1,"expected_version":-1}', 'expected_version'), ('{"op":"adjust","sku":"A","counted":1,"expected_version":false}', 'expected_version'),
  ('{"op":"return","of_key":"out","quantity":0}', 'quantity'), ('{"op":"transfer","sku":"A","quantity":1.5,"to_location":"shop"}', 'quantity')) v(l, w);
-- a name that is no text, or too long
SELECT l || ': ' || field(l, w) FROM (VALUES ('{"op":"deduct","sku":1,"quantity":1}', 'sku'), ('{"op":"deduct","sku":["A"],"quantity":1}', 'sku'), ('{"op":"deduct","sku":"A","quantity":1,"location":5}', 'location'),
  ('{"op":"receive","sku":"A","quantity":1,"location":["shop"]}', 'location'), ('{"op":"return","of_key":5}', 'of_key'), ('{"op":"return","of_key":"out","sku":7}', 'sku'),
  ('{"op":"transfer","sku":"A","quantity":1,"from_location":1}', 'from_location'), ('{"op":"transfer","sku":"A","quantity":1,"to_location":{}}', 'to_location'),
  ('{"op":"deduct","sku":"A","quantity":1,"sources":"main"}', 'sources'), ('{"op":"deduct","sku":"A","quantity":1,"sources":{"main":1}}', 'sources'), ('{"op":"deduct","sku":"A","quantity":1,"sources":[1]}', 'sources'),
  ('{"op":"deduct","sku":"A","quantity":1,"sources":["main",["shop"]]}', 'sources'), ('{"op":"deduct","sku":"A","quantity":1,"sources":["main","shop","main"]}', 'sources'),
  ('{"op":"deduct","sku":"A","quantity":1,"location":"main","sources":["shop"]}', 'sources'), ('{"op":"deduct","sku":"A","quantity":1,"location":"main","sources":[]}', 'sources')) v(l, w);
SELECT field('{"op":"deduct","sku":"A","quantity":1,"sources":["main",null]}', 'sources');
SELECT left(field(format('{"op":"deduct","sku":"%s","quantity":1}', repeat('x', 129)), 'sku'), 120);
SELECT left(field(format('{"op":"deduct","sku":"A","quantity":1,"location":"%s"}', repeat('x', 129)), 'location'), 120);
SELECT left(field(format('{"op":"deduct","sku":"A","quantity":1,"sources":["%s"]}', repeat('x', 129)), 'sources'), 120);
SELECT left(field(format('{"op":"return","of_key":"%s"}', repeat('x', 256)), 'of_key'), 120);
-- to where it comes from
SELECT field('{"op":"transfer","sku":"A","quantity":1,"from_location":"shop","to_location":"shop"}', 'line');
SELECT field('{"op":"transfer","sku":"A","quantity":1,"to_location":"main"}', 'line');
-- more lines than is allowed
SET inventory.max_lines = 3;
SELECT line FROM inv_apply('{"strict":false,"lines":[{"op":"deduct","sku":"Z","quantity":1},{"op":"deduct","sku":"A","quantity":1},{"op":"deduct","sku":"A","quantity":1}]}');
SELECT bad('{"strict":false,"lines":[{"op":"deduct","sku":"Z","quantity":1},{"op":"deduct","sku":"A","quantity":1},{"op":"deduct","sku":"A","quantity":1},5]}');
RESET inventory.max_lines;
-- deep and long ones
SELECT split_part(bad('{"lines":' || repeat('[', 3000) || repeat(']', 3000) || '}'), ':', 1);
SELECT split_part(bad('{"lines":[{"op":"deduct","quantity":1,"sku":' || repeat('{"a":', 2000) || '1' || repeat('}', 2000) || '}]}'), ':', 1);
SELECT state() = :'before' AS nothing_changed;
-- while a whole number may be written in every way that JSON has; null is not given
SELECT line, status, quantity, on_hand FROM inv_apply('{"key":null,"strict":null,"occurred_at":null,"reference":null,"lines":[
  {"op":"deduct","sku":"A","quantity":5.0,"keep":null,"location":null,"sources":null,"expected_version":null},{"op":"deduct","sku":"A","quantity":1e1},
  {"op":"deduct","sku":"A","quantity":20.00e-1,"keep":0e5},{"op":"receive","sku":"B","quantity":9007199254740991.0},
  {"op":"transfer","sku":"A","quantity":1,"from_location":null,"to_location":"shop","keep":null},{"op":"return","of_key":"out","quantity":null,"sku":null,"location":null}]}');
SELECT refused($$SELECT inv_apply('{"lines":[{"op":"deduct","sku":"A","quantity":1},{"op":"receive","sku":"B","quantity":1}]}')$$, true);
-- and JSON's own escapes are what they stand for
SELECT status, sku FROM inv_apply('{"lines":[{"op":"\u0064educt","sku":"\u0041","quantity":1}]}');
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA apply_json CASCADE;
