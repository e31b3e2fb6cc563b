--
-- inv_grant and inv_revoke: reader, clerk, admin
--
CREATE SCHEMA granting;
CREATE EXTENSION inventory SCHEMA granting;
SET search_path = granting;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

CREATE ROLE regress_inv_reader;
CREATE ROLE regress_inv_clerk;
CREATE ROLE regress_inv_admin;
CREATE ROLE regress_inv_none;
GRANT USAGE ON SCHEMA granting TO regress_inv_none;
CREATE ROLE "regress_inv Odd""role";
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT on_hand FROM inv_receive('A', 100);
SELECT on_hand FROM inv_deduct('A', 10, key => 'k');

SELECT inv_grant('regress_inv_reader', 'reader');
SELECT inv_grant('regress_inv_clerk', 'clerk');
SELECT inv_grant('regress_inv_admin', 'admin');
SELECT inv_grant('regress_inv Odd"role', 'reader');
-- again is no error
SELECT inv_grant('regress_inv_clerk', 'clerk');

-- rights - what each role may, as the catalogue says: functions, then tables
CREATE VIEW rights AS
  SELECT r.rolname AS role, string_agg(o.name, ' ' ORDER BY o.kind, o.name) AS may
    FROM pg_roles r, LATERAL (
      SELECT 1 AS kind, p.proname::text AS name FROM pg_proc p
       WHERE p.pronamespace = 'granting'::regnamespace AND p.proname LIKE 'inv\_%'
         AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
      UNION ALL
      SELECT 2, c.relname || ':' || v.privilege FROM pg_class c,
             unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v(privilege)
       WHERE c.relnamespace = 'granting'::regnamespace AND c.relkind IN ('r', 'p', 'v')
         AND c.relname LIKE 'inv\_%' AND has_table_privilege(r.oid, c.oid, v.privilege)
      UNION ALL
      SELECT 3, c.relname || ':' || v.privilege FROM pg_class c,
             unnest('{SELECT,USAGE,UPDATE}'::text[]) v(privilege)
       WHERE c.relnamespace = 'granting'::regnamespace AND c.relkind = 'S'
         AND has_sequence_privilege(r.oid, c.oid, v.privilege)
      UNION ALL
      SELECT 4, 'schema:' || v.privilege FROM unnest('{USAGE,CREATE}'::text[]) v(privilege)
       WHERE has_schema_privilege(r.oid, 'granting', v.privilege)) o
   WHERE r.rolname LIKE 'regress\_inv%' GROUP BY r.rolname;
\pset format unaligned
\pset fieldsep '\n  '
\pset tuples_only on
SELECT * FROM rights ORDER BY role;
-- they are ordinary grants, by the owner, without the right to pass them on
SELECT count(*) AS passed_on FROM pg_proc p, aclexplode(p.proacl) a
  WHERE p.pronamespace = 'granting'::regnamespace AND a.is_grantable AND a.grantee <> p.proowner;

-- attempt - what the role is told
CREATE FUNCTION attempt(role name, command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL ROLE %I', role);
  EXECUTE command;
  RESET ROLE;
  RETURN 'may';
EXCEPTION WHEN insufficient_privilege THEN
  RETURN SQLERRM;
END $$;
SELECT r || ': ' || c || E'\n  ' || attempt(r, c)
  FROM unnest('{regress_inv_none,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[])
         WITH ORDINALITY roles(r, rn),
       unnest(ARRAY['SELECT FROM inv_item, inv_location, inv_stock_level',
         'SELECT inv_available(''A''), inv_history(''A''), inv_verify()',
         'SELECT inv_receive(''A'', 1), inv_deduct(''A'', 1), inv_adjust(''A'', 90)',
         'SELECT inv_transfer(''A'', 1, ''main'', ''shop''), inv_return(''k'', 1)',
         'INSERT INTO inv_item (sku, name) VALUES (''n'', ''New'')',
         'UPDATE inv_item SET safety_stock = 1 WHERE sku = ''A''',
         'DELETE FROM inv_item WHERE sku = ''n''',
         'INSERT INTO inv_location (location) VALUES (''n'')',
         'DELETE FROM inv_location WHERE location = ''n''',
         'SELECT inv_set_limits(''A'', safety_stock => 0)', 'SELECT inv_maintain()',
         'SELECT inv_grant(''regress_inv_none'', ''reader'')',
         'SELECT inv_revoke(''regress_inv_reader'', ''reader'')',
         'SELECT FROM inv_stock', 'SELECT FROM inv_movement', 'SELECT FROM inv_request',
         'UPDATE inv_stock SET on_hand = 0', 'INSERT INTO inv_request (key) VALUES (''x'')',
         'TRUNCATE inv_item CASCADE']) WITH ORDINALITY commands(c, cn)
  ORDER BY rn, cn;

-- a level is taken away with those above it, those below stay
SELECT inv_revoke('regress_inv_admin', 'admin');
SELECT * FROM rights WHERE role = 'regress_inv_admin';
SELECT inv_grant('regress_inv_admin', 'admin');
SELECT inv_revoke('regress_inv_admin', 'clerk');
SELECT * FROM rights WHERE role = 'regress_inv_admin';
SELECT inv_grant('regress_inv_admin', 'admin');
SELECT inv_revoke('regress_inv_admin', 'reader');
SELECT count(*) AS anything_left FROM rights WHERE role = 'regress_inv_admin';
-- what was not granted can be taken away, too
SELECT inv_revoke('regress_inv_none', 'clerk');
SELECT inv_revoke('regress_inv_reader', 'admin');
SELECT inv_revoke('regress_inv_reader', 'clerk');
SELECT inv_revoke('regress_inv Odd"role', 'reader');
SELECT * FROM rights ORDER BY role;

-- bad arguments
SELECT refused(c) FROM unnest('{
  "SELECT inv_grant(''regress_inv_none'', ''boss'')",
  "SELECT inv_grant(''regress_inv_none'', ''Reader'')",
  "SELECT inv_grant(''regress_inv_none'', '''')",
  "SELECT inv_revoke(''regress_inv_none'', ''boss'')",
  "SELECT inv_grant(NULL, ''reader'')",
  "SELECT inv_grant(''regress_inv_none'', NULL)",
  "SELECT inv_revoke(NULL, ''reader'')",
  "SELECT inv_revoke(''regress_inv_none'', NULL)"}'::text[]) c;
SELECT refused(c, true) FROM unnest('{
  "SELECT inv_grant(''regress_inv_nobody'', ''reader'')",
  "SELECT inv_revoke(''regress_inv_nobody'', ''reader'')",
  "SELECT inv_grant(''regress_inv_none; DROP TABLE x'', ''reader'')"}'::text[]) c;
BEGIN READ ONLY;
SELECT refused($$SELECT inv_grant('regress_inv_none', 'reader')$$, true);
COMMIT;
-- a grant that is rolled back was none
BEGIN;
SELECT inv_grant('regress_inv_none', 'admin');
ROLLBACK;
SELECT * FROM rights WHERE role = 'regress_inv_none';

-- the caller's search_path leads nobody astray
CREATE SCHEMA regress_trap;
CREATE TABLE regress_trap.inv_item (sku text);
CREATE FUNCTION regress_trap.inv_available(sku text, location text) RETURNS bigint LANGUAGE sql AS 'SELECT 1';
SET search_path = regress_trap, granting;
SELECT granting.inv_grant('regress_inv_none', 'admin');
SET search_path = granting;
SELECT has_table_privilege('regress_inv_none', 'regress_trap.inv_item', 'SELECT') AS astray,
       has_schema_privilege('regress_inv_none', 'regress_trap', 'USAGE') AS schema_astray,
       has_table_privilege('regress_inv_none', 'granting.inv_item', 'SELECT') AS granted;
-- and nothing is left that would keep a role from being dropped
SELECT inv_revoke(r, 'reader') FROM unnest('{regress_inv_none,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) r;
\pset tuples_only off
\pset fieldsep '|'
\pset format aligned
DROP ROLE regress_inv_none, regress_inv_reader, regress_inv_clerk, regress_inv_admin, "regress_inv Odd""role";

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA granting, regress_trap CASCADE;
