--
-- inv_bundle: what may be a bundle of what
--
CREATE SCHEMA bundle_rules;
CREATE EXTENSION inventory SCHEMA bundle_rules;
SET search_path = bundle_rules;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
INSERT INTO inv_item (sku, name, backorder_limit) VALUES ('a', 'Part', 0), ('b', 'Part', 0), ('c', 'Part', 9),
  ('K', 'Kit', 0), ('L', 'Larger', 0), ('M', 'Most', 0), ('N', 'Not yet', 0), ('free', 'Free', 0);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('a', 10);
-- the columns and their ranges
SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns
  WHERE table_schema = 'bundle_rules' AND table_name = 'inv_bundle' ORDER BY ordinal_position;
INSERT INTO inv_bundle (sku, component_sku) VALUES ('K', 'a');
INSERT INTO inv_bundle (sku, component_sku, quantity) VALUES ('K', 'b', 9007199254740991);
CREATE FUNCTION told(command text) RETURNS text LANGUAGE sql AS $$ SELECT command || E'\n  ' || refused(command) $$;
SELECT command || ' ' || refused(command, true) FROM unnest('{
  "INSERT INTO inv_bundle VALUES (''K'', ''c'', 0)", "INSERT INTO inv_bundle VALUES (''K'', ''c'', -1)",
  "INSERT INTO inv_bundle VALUES (''K'', ''c'', 9007199254740992)", "INSERT INTO inv_bundle VALUES (''K'', ''c'', NULL)",
  "INSERT INTO inv_bundle VALUES (NULL, ''c'', 1)", "INSERT INTO inv_bundle VALUES (''K'', NULL, 1)",
  "INSERT INTO inv_bundle VALUES (''K'', ''a'', 2)", "INSERT INTO inv_bundle VALUES (''K'', ''K'', 1)",
  "UPDATE inv_bundle SET quantity = 0", "UPDATE inv_bundle SET component_sku = ''K'' WHERE component_sku = ''a''"}'::text[]) command;
-- what has stock cannot become a bundle, by insert or by update; empty rows count
SELECT on_hand FROM inv_adjust('b', 0, 'shop');
SELECT told(command) FROM unnest('{"INSERT INTO inv_bundle VALUES (''a'', ''c'', 1)", "INSERT INTO inv_bundle VALUES (''b'', ''c'', 1)",
  "UPDATE inv_bundle SET sku = ''a'' WHERE component_sku = ''b''", "INSERT INTO inv_bundle VALUES (''N'', ''c'', 1), (''a'', ''c'', 1)"}'::text[]) command;
-- a bundle may be part of another, and nothing of itself, near or far
DELETE FROM inv_bundle WHERE component_sku = 'b';
INSERT INTO inv_bundle VALUES ('L', 'K', 2), ('L', 'a', 1), ('M', 'L', 3), ('M', 'K', 1);
SELECT told(command) FROM unnest('{"INSERT INTO inv_bundle VALUES (''K'', ''L'', 1)", "INSERT INTO inv_bundle VALUES (''K'', ''M'', 1)",
  "UPDATE inv_bundle SET component_sku = ''M'' WHERE sku = ''K''", "UPDATE inv_bundle SET sku = ''K'' WHERE sku = ''M'' AND component_sku = ''L''",
  "INSERT INTO inv_bundle VALUES (''N'', ''free'', 1), (''free'', ''N'', 1)",
  "INSERT INTO inv_bundle VALUES (''N'', ''M'', 1), (''K'', ''free'', 1), (''free'', ''N'', 1)"}'::text[]) command;
SELECT * FROM inv_bundle ORDER BY 1, 2;
-- a statement that turns a chain round is judged as a whole
BEGIN;
DELETE FROM inv_bundle WHERE sku = 'L' AND component_sku = 'K';
DELETE FROM inv_bundle WHERE sku = 'M' AND component_sku = 'K';
INSERT INTO inv_bundle VALUES ('K', 'L', 1);
SELECT * FROM inv_bundle ORDER BY 1, 2;
ROLLBACK;
-- M is 3 * (2 * K + a) + K = 7 * K + 3 * a = 10 * a
SELECT inv_available('M'), inv_available('L'), inv_available('K');
SELECT sku, on_hand, reserved, available, active, bundle FROM inv_item_level WHERE bundle ORDER BY sku;
UPDATE inv_bundle SET quantity = 2 WHERE sku = 'M' AND component_sku = 'L';
SELECT status, on_hand FROM inv_deduct('M', 1);
SELECT sku, on_hand_delta FROM inv_movement WHERE kind = 'deduct';
-- a change of a bundle concerns what is sold from then on; a call before it keeps its answer
SELECT on_hand FROM inv_receive('a', 97);
SELECT on_hand FROM inv_deduct('K', 1, key => 'k');
UPDATE inv_bundle SET quantity = 5 WHERE sku = 'K';
SELECT on_hand, replayed FROM inv_deduct('K', 1, key => 'k');
SELECT sku, quantity FROM inv_return('k');
SELECT on_hand FROM inv_deduct('K', 1);
-- deep: each twice the one before
INSERT INTO inv_item (sku, name) SELECT 'd' || g, 'Deep' FROM generate_series(0, 60) g;
INSERT INTO inv_bundle SELECT 'd' || g, 'd' || g - 1, 2 FROM generate_series(1, 60) g;
SELECT count(o.on_hand) FROM inv_receive('d0', 4096) o;
SELECT inv_available('d10'), inv_available('d12'), inv_available('d13');
SELECT status, on_hand FROM inv_deduct('d10', 3);
SELECT refused('SELECT inv_deduct(''d60'', 1)', true), refused('SELECT inv_deduct_many(''{a,d60}'', ''{1,1}'', strict => false)', true);
SELECT refused('SELECT inv_deduct_many(''{a,d60}'', ''{1,1}'', strict => false)') ~ 'line 2';
-- wide, and the same part by many ways
INSERT INTO inv_item (sku, name) SELECT 'w' || g, 'Wide' FROM generate_series(1, 200) g;
INSERT INTO inv_item (sku, name) VALUES ('W', 'All of them'), ('V', 'By two ways');
INSERT INTO inv_bundle SELECT 'W', 'w' || g, g FROM generate_series(1, 200) g;
INSERT INTO inv_bundle VALUES ('V', 'W', 1), ('V', 'w200', 100);
SELECT count(*) FROM inv_receive_many((SELECT array_agg('w' || g) FROM generate_series(1, 200) g), array_fill(600, ARRAY[200]));
SELECT inv_available('W'), inv_available('V');
SELECT status, on_hand FROM inv_deduct('V', 1);
SELECT count(*), sum(on_hand_delta) FROM inv_movement WHERE sku LIKE 'w%' AND kind = 'deduct';

-- an item that a bundle names cannot be deleted or renamed, in either column
SELECT told(command) FROM unnest('{"DELETE FROM inv_item WHERE sku = ''M''", "DELETE FROM inv_item WHERE sku = ''L''", "UPDATE inv_item SET sku = ''M2'' WHERE sku = ''M''",
  "UPDATE inv_item SET sku = ''w1x'' WHERE sku = ''w1''", "UPDATE inv_item SET sku = ''L2'' WHERE sku = ''L''"}'::text[]) command;
-- a part that never had stock, too
INSERT INTO inv_bundle VALUES ('N', 'free', 1);
SELECT refused('DELETE FROM inv_item WHERE sku = ''free''', true), refused('DELETE FROM inv_item WHERE sku = ''N''', true), refused('UPDATE inv_item SET sku = ''f'' WHERE sku = ''free''', true);
UPDATE inv_item SET name = 'still', sku = 'M' WHERE sku = 'M';
DELETE FROM inv_bundle WHERE sku = 'M';
UPDATE inv_item SET sku = 'M2' WHERE sku = 'M';
DELETE FROM inv_item WHERE sku = 'M2';
DELETE FROM inv_bundle WHERE sku = 'N';
DELETE FROM inv_item WHERE sku = 'free';
-- what is no bundle any more may have stock, and then not become one again
SELECT status, on_hand FROM inv_receive('N', 1);
SELECT refused('INSERT INTO inv_bundle VALUES (''N'', ''c'', 1)', true);
-- a bundle that was made with triggers off: contains itself, its part is no item
SET session_replication_role = replica;
INSERT INTO inv_item (sku, name) VALUES ('X', 'Loop'), ('Y', 'Loop'), ('G', 'Ghost'), ('H', 'Holds a ghost');
INSERT INTO inv_bundle VALUES ('X', 'Y', 1), ('Y', 'X', 1), ('G', 'a', 1), ('G', 'ghost', 1), ('H', 'G', 2);
RESET session_replication_role;
SELECT refused('SELECT inv_deduct(''X'', 1)');
SELECT refused('SELECT inv_deduct_many(''{a,Y}'', ''{1,1}'', strict => false)');
SELECT refused('SELECT inv_deduct_each(''{a,X}'', ''{1,1}'')');
SELECT refused('SELECT inv_apply(''{"lines":[{"op":"deduct","sku":"a","quantity":1},{"op":"deduct","sku":"X","quantity":1}]}'')');
SELECT refused('SELECT inv_available(''X'')', true);
-- the view of all items is not spoilt by one of them
SELECT count(*) > 0, bool_and(sku IN ('X', 'Y', 'G', 'H') OR on_hand IS NOT NULL) FROM inv_item_level;
SELECT status, sku FROM inv_deduct('G', 1, strict => false);
SELECT status, sku FROM inv_deduct('H', 1, strict => false);
SELECT refused('SELECT inv_deduct_many(''{a,H}'', ''{1,1}'')');
SELECT status, line FROM inv_deduct_each('{a,H,a}', '{1,1,1}');
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA bundle_rules CASCADE;
