--
-- Who may call what takes many lines, and edit bundles
--
CREATE SCHEMA privilege_orders;
CREATE EXTENSION inventory SCHEMA privilege_orders;
SET search_path = privilege_orders;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_inv_nobody;
CREATE ROLE regress_inv_reader;
CREATE ROLE regress_inv_clerk;
CREATE ROLE regress_inv_admin;
GRANT USAGE ON SCHEMA privilege_orders TO regress_inv_nobody;
SELECT inv_grant('regress_inv_reader', 'reader'), inv_grant('regress_inv_clerk', 'clerk'), inv_grant('regress_inv_admin', 'admin');
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread'), ('K', 'Basket'), ('P', 'Part');
INSERT INTO inv_bundle VALUES ('K', 'A', 2);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_receive_many('{A,B}', '{100,100}');
-- nothing is for PUBLIC; nothing can be passed on
SELECT p.proname FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  WHERE p.pronamespace = 'privilege_orders'::regnamespace AND p.proname LIKE 'inv\_%' AND (a.grantee = 0 OR a.is_grantable AND a.grantee <> p.proowner);
SELECT c.relname FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
  WHERE c.relnamespace = 'privilege_orders'::regnamespace AND c.relname LIKE 'inv\_%' AND c.relkind IN ('r', 'p', 'v', 'S')
    AND (a.grantee = 0 OR a.is_grantable AND a.grantee <> c.relowner);
-- what every level may: functions, then tables
SELECT r || ': ' || string_agg(p.proname, ' ' ORDER BY p.proname) FROM unnest('{regress_inv_nobody,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) r, pg_proc p
  WHERE p.pronamespace = 'privilege_orders'::regnamespace AND has_function_privilege(r, p.oid, 'EXECUTE')
    AND p.proname IN ('inv_deduct_many', 'inv_receive_many', 'inv_adjust_many', 'inv_deduct_each', 'inv_apply', 'inv_movements_of') GROUP BY r ORDER BY r;
SELECT r || ' ' || t || ': ' || string_agg(v, ' ' ORDER BY n) FROM unnest('{regress_inv_nobody,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) r,
    unnest('{inv_bundle,inv_item_level}'::text[]) t, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) WITH ORDINALITY u(v, n)
  WHERE has_table_privilege(r, t, v) GROUP BY r, t ORDER BY r, t;
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
SELECT CASE rn WHEN 1 THEN c || E'\n  ' ELSE '  ' END || attempt(r, c) FROM unnest('{regress_inv_nobody,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) WITH ORDINALITY roles(r, rn),
  unnest(ARRAY['SELECT inv_receive_many(''{A}'', ''{1}'')', 'SELECT inv_deduct_many(''{A,K}'', ''{1,1}'')', 'SELECT inv_deduct_many(''{A,K}'', ''{1,1}'', sources => ''{}'')',
    'SELECT inv_adjust_many(''{B}'', ''{50}'')', 'SELECT inv_deduct_each(''{A,K}'', ''{1,1}'', line_references => ''{o,o}'')',
    'SELECT inv_apply(''{"lines":[{"op":"deduct","sku":"K","quantity":1},{"op":"receive","sku":"B","quantity":1}]}'')', 'SELECT inv_movements_of(''o'')',
    'SELECT FROM inv_bundle', 'SELECT FROM inv_item_level', 'INSERT INTO inv_bundle VALUES (''K'', ''P'', 1)',
    'UPDATE inv_bundle SET quantity = 3 WHERE sku = ''K'' AND component_sku = ''P''', 'DELETE FROM inv_bundle WHERE component_sku = ''P''', 'TRUNCATE inv_bundle'])
    WITH ORDINALITY commands(c, cn) ORDER BY cn, rn;
-- the rules of bundles hold for whom may edit them, and need no more rights than that
SET ROLE regress_inv_admin;
SELECT refused($$INSERT INTO inv_bundle VALUES ('A', 'P', 1)$$, true), refused($$INSERT INTO inv_bundle VALUES ('P', 'K', 1), ('K', 'P', 1)$$, true), refused($$DELETE FROM inv_item WHERE sku = 'K'$$, true);
SELECT status, sku, on_hand FROM inv_deduct('K', 1);
RESET ROLE;
-- one function granted alone is enough, and is no way to another
SELECT inv_revoke('regress_inv_clerk', 'reader');
GRANT USAGE ON SCHEMA privilege_orders TO regress_inv_clerk;
GRANT EXECUTE ON FUNCTION inv_deduct_many TO regress_inv_clerk;
SET ROLE regress_inv_clerk;
SELECT status, on_hand FROM inv_deduct_many('{K,A}', '{1,1}', sources => '{}', key => 'k');
SELECT replayed FROM inv_deduct_many('{K,A}', '{1,1}', sources => '{}', key => 'k');
SET search_path = pg_catalog;
SELECT status, on_hand FROM privilege_orders.inv_deduct_many('{K}', '{1}');
SELECT privilege_orders.inv_deduct_each('{K}', '{1}');
SELECT FROM privilege_orders.inv_bundle;
RESET ROLE;
SET search_path = privilege_orders;
-- names of the caller's own do not get in between
SET ROLE regress_inv_admin;
CREATE TEMP TABLE inv_bundle (sku text, component_sku text, quantity bigint);
CREATE TEMP TABLE inv_location (location text, sellable boolean, priority integer);
INSERT INTO pg_temp.inv_bundle VALUES ('K', 'P', 1);
SET search_path = pg_temp, privilege_orders;
SELECT status, on_hand FROM privilege_orders.inv_deduct_many('{K}', '{1}', sources => '{}');
SELECT privilege_orders.inv_available('K');
DROP TABLE pg_temp.inv_bundle, pg_temp.inv_location;
RESET ROLE;
SET search_path = privilege_orders;
SELECT DISTINCT actor = session_user AS session_s FROM inv_movement;
SELECT * FROM inv_verify();

SELECT inv_revoke(r, 'reader') FROM unnest('{regress_inv_reader,regress_inv_admin,regress_inv_clerk,regress_inv_nobody}'::name[]) r;
SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA privilege_orders CASCADE;
DROP ROLE regress_inv_nobody, regress_inv_reader, regress_inv_clerk, regress_inv_admin;
