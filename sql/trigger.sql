--
-- Triggers: ours do their own work only, those of others never run as the owner
--
CREATE SCHEMA trigger;
CREATE EXTENSION inventory SCHEMA trigger;
SET search_path = trigger;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('empty', 'Never stocked'), ('new', 'New');
INSERT INTO inv_location (location) VALUES ('shop'), ('closed');
SELECT status FROM unnest('{main,shop}'::text[]) l, LATERAL inv_receive('A', 10, l) o;
CREATE TABLE bait (sku text, location text);
INSERT INTO bait VALUES ('A', 'main');
CREATE VIEW item_view AS SELECT sku, name FROM inv_item;
SELECT state() AS before \gset

-- attempt - a trigger of one of our functions, and what sets it off is told
CREATE FUNCTION attempt(clause text, tab text, command text, options text, function text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  told text;
BEGIN
  EXECUTE format('CREATE TRIGGER odd %s ON %s %s EXECUTE FUNCTION %s()', clause, tab, options, function);
  told := refused(format(command, tab));
  EXECUTE format('DROP TRIGGER odd ON %s', tab);
  RETURN concat_ws(' ', function, clause, tab, options) || E'\n  ' || told;
END $$;
\set transition 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'
\pset format unaligned
\pset tuples_only on
-- on tables of other columns
SELECT attempt('BEFORE UPDATE', 'bait', 'UPDATE %s SET sku = sku', 'FOR EACH ROW', 'inv_item_touch');
SELECT attempt('AFTER UPDATE', 'bait', 'UPDATE %s SET sku = sku', :'transition', 'inv_item_follow');
SELECT attempt('AFTER DELETE', 'bait', 'DELETE FROM %s', 'FOR EACH ROW', 'inv_key_guard');
SELECT attempt('AFTER UPDATE', 'bait', 'UPDATE %s SET sku = sku', 'FOR EACH ROW', 'inv_key_guard');
-- and on the other tables of ours
SELECT attempt('BEFORE UPDATE', 'inv_location', 'UPDATE %s SET name = name', 'FOR EACH ROW', 'inv_item_touch');
SELECT attempt('AFTER UPDATE', 'inv_location', 'UPDATE %s SET name = name', :'transition', 'inv_item_follow');
-- the right table, the wrong time, level or event
SELECT attempt(clause, 'inv_item', command, 'FOR EACH ' || level, function)
  FROM (VALUES ('BEFORE INSERT', 'INSERT INTO %s (sku) VALUES (''x'')'),
               ('BEFORE UPDATE', 'UPDATE %s SET name = ''x'' WHERE sku = ''empty'''),
               ('BEFORE DELETE', 'DELETE FROM %s WHERE sku = ''empty'''),
               ('AFTER INSERT', 'INSERT INTO %s (sku) VALUES (''x'')'),
               ('AFTER UPDATE', 'UPDATE %s SET name = ''x'' WHERE sku = ''empty'''),
               ('AFTER DELETE', 'DELETE FROM %s WHERE sku = ''empty''')) c(clause, command),
       unnest('{ROW,STATEMENT}'::text[]) level,
       unnest('{inv_item_touch,inv_item_follow,inv_key_guard}'::text[]) function
 WHERE (function, clause, level) NOT IN (('inv_item_touch', 'BEFORE UPDATE', 'ROW'),
         ('inv_key_guard', 'AFTER UPDATE', 'ROW'), ('inv_key_guard', 'AFTER DELETE', 'ROW'))
 ORDER BY function, clause, level;
SELECT attempt('INSTEAD OF UPDATE', 'item_view', 'UPDATE %s SET name = ''x''', 'FOR EACH ROW', function)
  FROM unnest('{inv_item_touch,inv_item_follow,inv_key_guard}'::text[]) function;
-- without its transition tables, with one of them, with others, exchanged
SELECT attempt('AFTER UPDATE', 'inv_item', 'UPDATE %s SET safety_stock = 1', options, 'inv_item_follow')
  FROM unnest(ARRAY['FOR EACH STATEMENT', 'REFERENCING NEW TABLE AS new_rows',
    'REFERENCING OLD TABLE AS old_rows', 'REFERENCING OLD TABLE AS new_rows NEW TABLE AS old_rows',
    'REFERENCING OLD TABLE AS old_rows NEW TABLE AS newer_rows',
    'REFERENCING OLD TABLE AS older_rows NEW TABLE AS new_rows']) options;
-- nor is any of them a function to call
SELECT refused(format('SELECT %s()', function), true)
  FROM unnest('{inv_item_touch,inv_item_follow,inv_key_guard,inv_refuse_truncate,inv_refuse_dml}'::text[]) function;
SELECT state() = :'before' AS nothing_changed;

-- names with stock stay, whoever asks
SELECT refused(c) FROM unnest(ARRAY[
  'DELETE FROM inv_item WHERE sku = ''A''', 'DELETE FROM inv_item',
  'UPDATE inv_item SET sku = ''B'' WHERE sku = ''A''', 'UPDATE inv_item SET sku = lower(sku), name = ''x''',
  'INSERT INTO inv_item (sku) VALUES (''A'') ON CONFLICT (sku) DO UPDATE SET sku = ''B''',
  'DELETE FROM inv_location WHERE location = ''shop''', 'DELETE FROM inv_location WHERE location = ''main''',
  'UPDATE inv_location SET location = ''store'' WHERE location = ''shop''',
  'INSERT INTO inv_location (location) VALUES (''main'') ON CONFLICT (location) DO UPDATE SET location = ''store''']) c;
SELECT state() = :'before' AS nothing_changed;
-- an empty stock row is stock as well: it has a history
BEGIN;
SELECT status, on_hand FROM inv_deduct('A', 10, 'shop');
SELECT refused('DELETE FROM inv_location WHERE location = ''shop''', true);
ROLLBACK;
\pset tuples_only off
\pset format aligned
-- many programs write names that do not change
UPDATE inv_item SET sku = sku, safety_stock = 1;
UPDATE inv_location SET location = location || '', name = 'here';
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple, red'), ('more', 'More')
  ON CONFLICT (sku) DO UPDATE SET sku = excluded.sku, name = excluded.name;
INSERT INTO inv_location (location, name) VALUES ('main', 'Main'), ('attic', 'Attic')
  ON CONFLICT (location) DO UPDATE SET location = excluded.location, name = excluded.name;
MERGE INTO inv_item i USING (VALUES ('A', 2)) v(sku, safety_stock) ON i.sku = v.sku
  WHEN MATCHED THEN UPDATE SET sku = v.sku, safety_stock = v.safety_stock;
SELECT sku, name, version, (SELECT string_agg(location || ' ' || safety_stock, ', ' ORDER BY location)
    FROM inv_stock_level s WHERE s.sku = i.sku) AS stock FROM inv_item i ORDER BY sku;
SELECT location, name FROM inv_location ORDER BY location;
-- names without stock may change and go
UPDATE inv_item SET sku = 'other' WHERE sku = 'more';
DELETE FROM inv_item WHERE sku = 'other';
UPDATE inv_location SET location = 'cellar' WHERE location = 'attic';
DELETE FROM inv_location WHERE location = 'cellar';

-- a trigger that changes a name which the statement leaves alone
CREATE FUNCTION rename() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_TABLE_NAME = 'inv_item' THEN
    NEW.sku := NEW.sku || '-2';
  ELSE
    NEW.location := NEW.location || '-2';
  END IF;
  RETURN NEW;
END $$;
-- by name the first and the last of all
CREATE TRIGGER a BEFORE UPDATE ON inv_item FOR EACH ROW EXECUTE FUNCTION rename();
CREATE TRIGGER z BEFORE UPDATE ON inv_location FOR EACH ROW EXECUTE FUNCTION rename();
\pset format unaligned
\pset tuples_only on
SELECT refused('UPDATE inv_item SET name = ''x'' WHERE sku = ''A''');
SELECT refused('UPDATE inv_location SET name = ''x'' WHERE location = ''shop''');
UPDATE inv_item SET name = 'x' WHERE sku = 'empty' RETURNING sku;
UPDATE inv_location SET name = 'x' WHERE location = 'closed' RETURNING location;
DROP TRIGGER a ON inv_item;
ALTER TRIGGER z ON inv_location RENAME TO a;
CREATE TRIGGER z BEFORE UPDATE ON inv_item FOR EACH ROW EXECUTE FUNCTION rename();
SELECT refused('UPDATE inv_item SET name = ''x'' WHERE sku = ''A''', true);
SELECT refused('UPDATE inv_location SET name = ''x'' WHERE location = ''shop''', true);
\pset tuples_only off
\pset format aligned
DROP TRIGGER z ON inv_item;
DROP TRIGGER a ON inv_location;

-- a role that was granted ALL wants to be more: what our triggers look for it
-- offers under the same names, its own code beneath
CREATE ROLE regress_inv_app;
CREATE ROLE regress_inv_till;
GRANT USAGE ON SCHEMA trigger TO regress_inv_till;
GRANT ALL ON SCHEMA trigger TO regress_inv_app;
GRANT ALL ON ALL TABLES IN SCHEMA trigger TO regress_inv_app;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA trigger TO regress_inv_app;
GRANT EXECUTE ON FUNCTION inv_receive, inv_set_limits TO regress_inv_till;
SELECT min(tableoid::regclass::text) AS leaf FROM inv_movement \gset
GRANT ALL ON :leaf TO regress_inv_app;
SET ROLE regress_inv_app;
CREATE FUNCTION rise() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE 'as the owner: %', current_user <> 'regress_inv_app';
  ALTER ROLE regress_inv_app SUPERUSER;
  RETURN true;
END $$;
CREATE TEMP VIEW old_rows AS SELECT 'A'::text AS sku, true AS active, 0::bigint AS safety_stock,
  0::bigint AS backorder_limit, 0::bigint AS reorder_point, 0::bigint AS target_level;
CREATE TEMP VIEW new_rows AS SELECT 'A'::text AS sku, trigger.rise() AS active, 0::bigint AS safety_stock,
  1000::bigint AS backorder_limit, 0::bigint AS reorder_point, 0::bigint AS target_level;
CREATE TABLE own (i integer);
\pset format unaligned
\pset tuples_only on
SELECT attempt('AFTER UPDATE', 'own', 'UPDATE %s SET i = 1', 'FOR EACH STATEMENT', 'inv_item_follow');
CREATE TRIGGER odd AFTER UPDATE ON inv_item FOR EACH STATEMENT EXECUTE FUNCTION inv_item_follow();
SELECT refused('UPDATE inv_item SET name = ''x''');
SELECT status, on_hand FROM inv_receive('A', 1);
RESET ROLE;
SELECT refused('UPDATE inv_item SET name = ''x''');
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_inv_app';
SELECT sku, location, backorder_limit FROM inv_stock_level ORDER BY location;
DROP TRIGGER odd ON inv_item;
DROP VIEW pg_temp.old_rows, pg_temp.new_rows;
\pset tuples_only off
\pset format aligned

-- its triggers on the tables that a first call of somebody else writes: the
-- location main, a stock row, a movement, a key
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory SCHEMA trigger;
INSERT INTO inv_item (sku, name) VALUES ('new', 'New');
GRANT ALL ON ALL TABLES IN SCHEMA trigger TO regress_inv_app;
GRANT EXECUTE ON FUNCTION inv_receive, inv_deduct, inv_set_limits TO regress_inv_till;
SET ROLE regress_inv_app;
CREATE FUNCTION spy() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE NOTICE '% % on %: as the owner: %', TG_WHEN, TG_OP, TG_TABLE_NAME, current_user <> 'regress_inv_app';
  ALTER ROLE regress_inv_app SUPERUSER;
  RETURN NEW;
END $$;
SELECT format('CREATE TRIGGER spy_%s_%s %1$s INSERT OR UPDATE ON %3$s FOR EACH %2$s EXECUTE FUNCTION trigger.spy()',
    time, level, tab)
  FROM unnest('{inv_location,inv_stock,inv_movement,inv_request}'::text[]) tab,
       unnest('{before,after}'::text[]) time, unnest('{row,statement}'::text[]) level \gexec
SET ROLE regress_inv_till;
SELECT status, on_hand FROM inv_receive('new', 5, key => 'k');
SELECT status, on_hand FROM inv_deduct('new', 1);
SELECT status, available FROM inv_set_limits('new', safety_stock => 1);
RESET ROLE;
SELECT rolsuper FROM pg_roles WHERE rolname = 'regress_inv_app';
SELECT location FROM inv_location;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA trigger CASCADE;
DROP ROLE regress_inv_app, regress_inv_till;
