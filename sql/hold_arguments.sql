--
-- Holds: bad arguments, and who may do what
--
CREATE SCHEMA hold_arguments;
CREATE EXTENSION inventory SCHEMA hold_arguments;
SET search_path = hold_arguments;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set holds :srcdir '/sql/include/holds.psql'
\set ECHO none
\i :helpers
\i :holds
\set ECHO all

\pset format unaligned
\pset tuples_only on
\pset null -
CREATE ROLE regress_inv_nobody;
CREATE ROLE regress_inv_reader;
CREATE ROLE regress_inv_clerk;
CREATE ROLE regress_inv_admin;
GRANT USAGE ON SCHEMA hold_arguments TO regress_inv_nobody;
SELECT inv_grant('regress_inv_reader', 'reader'), inv_grant('regress_inv_clerk', 'clerk'), inv_grant('regress_inv_admin', 'admin');
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_receive_many('{A,B,A}', '{50,50,50}', '{main,main,shop}');
SELECT status FROM inv_try('held', '{A,B}', '{5,5}');
SELECT everything() AS before \gset

-- names: xid 1 to 128 bytes, branch 0 to 128
SELECT c || E'\n  ' || refused('SELECT inv_' || c) FROM unnest(ARRAY[
  $$try(NULL, '{A}', '{1}')$$, $$try('', '{A}', '{1}')$$, $$try(repeat('x', 129), '{A}', '{1}')$$, $$try(repeat('é', 65), '{A}', '{1}')$$,
  $$try('x', '{A}', '{1}', branch => NULL)$$, $$try('x', '{A}', '{1}', branch => repeat('b', 129))$$,
  $$confirm(NULL)$$, $$confirm('')$$, $$confirm(repeat('x', 129))$$, $$confirm('held', NULL)$$, $$confirm('held', repeat('b', 129))$$,
  $$cancel(NULL)$$, $$cancel('')$$, $$cancel(repeat('x', 129))$$, $$cancel('held', NULL)$$, $$cancel('held', repeat('b', 129))$$,
  $$extend(NULL, 60)$$, $$extend('', 60)$$, $$extend(repeat('x', 129), 60)$$, $$extend('held', 60, NULL)$$, $$extend('held', 60, repeat('b', 129))$$]) c;
-- ttl_seconds: 1 to 31536000
SELECT c || E'\n  ' || refused('SELECT inv_' || c) FROM unnest(ARRAY[
  $$try('x', '{A}', '{1}', ttl_seconds => NULL)$$, $$try('x', '{A}', '{1}', ttl_seconds => 0)$$, $$try('x', '{A}', '{1}', ttl_seconds => -1)$$,
  $$try('x', '{A}', '{1}', ttl_seconds => 31536001)$$, $$try('x', '{A}', '{1}', ttl_seconds => 9223372036854775807)$$,
  $$extend('held', NULL)$$, $$extend('held', 0)$$, $$extend('held', 31536001)$$, $$extend('held', -9223372036854775808)$$]) c;
-- on_expiry, reference, strict, release_rest
SELECT c || E'\n  ' || refused('SELECT inv_' || c) FROM unnest(ARRAY[
  $$try('x', '{A}', '{1}', on_expiry => NULL)$$, $$try('x', '{A}', '{1}', on_expiry => '')$$, $$try('x', '{A}', '{1}', on_expiry => 'Release')$$,
  $$try('x', '{A}', '{1}', on_expiry => 'never')$$, $$try('x', '{A}', '{1}', reference => repeat('r', 256))$$,
  $$try('x', '{A}', '{1}', strict => NULL)$$, $$confirm('held', release_rest => NULL)$$]) c;
-- lines: as of inv_deduct_many, word for word
SELECT c || CASE WHEN o.try = o.deduct THEN ' ' || left(o.try, 5) ELSE E'\n  ' || o.try || E'\n  ' || o.deduct END
  FROM unnest(ARRAY[$$NULL, '{1}'$$, $$'{A}', NULL$$, $$'{}', '{}'$$, $$'{A}', '{}'$$, $$'{}', '{1}'$$, $$'{{A,B}}', '{1,2}'$$, $$'{A,B}', '{{1,2}}'$$,
    $$'{A,B}', '{1}'$$, $$'{A}', '{1,2,3}'$$, $$'{A,NULL}', '{1,1}'$$, $$'{A,B}', '{1,NULL}'$$, $$'{A,B}', '{1,0}'$$, $$'{A,B}', '{-1,1}'$$,
    $$'{A,B}', '{1,9007199254740992}'$$, $$ARRAY['A', repeat('x', 129)], '{1,1}'$$, $$'{A,B}', '{1,1}', '{}'$$, $$'{A,B}', '{1,1}', '{main,main,main}'$$,
    $$'{A,B}', '{1,1}', '{main,NULL}'$$, $$'{A,B}', '{1,1}', ARRAY['main', repeat('x', 129)]$$, $$'{A,B}', '{1,1}', '{main}', '{shop}'$$,
    $$'{A,B}', '{1,1}', sources => '{main,NULL}'$$, $$'{A,B}', '{1,1}', sources => '{main,shop,main}'$$, $$'{A,B}', '{1,1}', sources => '{{main},{shop}}'$$,
    $$'{A,B}', '{1,1}', sources => ARRAY[repeat('x', 129)]$$,
    -- refusals that are raised
    $$'{A,Z}', '{1,1}'$$, $$'{A,a}', '{1,1}'$$, $$'{A,B}', '{1,1}', '{main,x}'$$, $$'{A,B}', '{1,99}'$$, $$'{A,B,A}', '{1,1,99}'$$, $$'{A,B}', '{1,1}', sources => '{x}'$$,
    $$'{B}', '{99}', sources => '{shop,main}'$$]) c,
  LATERAL (SELECT refused('SELECT inv_try(''x'', ' || c || ')') AS try, refused('SELECT inv_deduct_many(' || c || ')') AS deduct) o;
SET inventory.max_lines = 2;
SELECT refused($$SELECT inv_try('x', '{A,B,A}', '{1,1,1}')$$);
RESET inventory.max_lines;
-- quantities of confirm: one for each line of the try, 0 to what was tried
SELECT c || E'\n  ' || refused('SELECT inv_confirm(''held'', quantities => ' || c || ')') FROM unnest(ARRAY[
  $$'{}'$$, $$'{5}'$$, $$'{5,5,5}'$$, $$'{5,NULL}'$$, $$'{NULL,5}'$$, $$'{-1,5}'$$, $$'{5,9007199254740992}'$$, $$'{{5,5}}'$$, $$'{5,6}'$$, $$'{6,5}', release_rest => false$$]) c;
-- bad in themselves, whatever hold they are meant for; of a length that fits none is not known
SELECT status FROM inv_cancel('undone');
SELECT x || ' ' || c || ' ' || refused('SELECT inv_confirm(''' || x || ''', quantities => ' || c || ')', true)
  FROM unnest('{none,undone}'::text[]) x, unnest(ARRAY[$$'{}'$$, $$'{NULL}'$$, $$'{-1}'$$, $$'{9007199254740992}'$$, $$'{{1}}'$$, $$'{1,1}'$$]) c;
SELECT refused($$SELECT inv_confirm('none', release_rest => NULL)$$, true);
SELECT everything() AS before \gset
-- a name in the errors as it is, in DETAIL as JSON wants it
SELECT refused($$SELECT inv_confirm('x"\/', E'b\n"')$$);
SELECT everything() = :'before' AS nothing_changed;
-- the longest names, and others that are good
SELECT status, length(xid), length(branch), state FROM inv_try(repeat('x', 128), '{A}', '{1}', branch => repeat('b', 128), reference => repeat('r', 255));
SELECT length(hold), length(reference) FROM inv_movement WHERE hold LIKE 'xxx%';
SELECT status, state FROM inv_cancel(repeat('x', 128), repeat('b', 128));
SELECT :answer FROM inv_try(' a/ B"é', '{A}', '{1}', branch => ' ', ttl_seconds => 31536000, on_expiry => 'keep');
SELECT status, state FROM inv_cancel(' a/ B"é', ' ');
SELECT status, state, minutes(expires_at) FROM inv_try('short', '{A}', '{1}', ttl_seconds => 1, on_expiry => 'reacquire');
SELECT status, state FROM inv_cancel('short');

-- expire: 1 to so many, and never null
SELECT c || E'\n  ' || refused('SELECT inv_expire_holds(' || c || ')') FROM unnest(ARRAY['NULL', '0', '-1']) c;
SELECT inv_expire_holds(), inv_expire_holds(1), inv_expire_holds(max_holds => 1000);
SELECT everything() AS before \gset

-- read-only: nothing of it, not even what would change nothing
BEGIN READ ONLY;
SELECT c || ' ' || refused('SELECT inv_' || c, true) FROM unnest(ARRAY[$$try('held', '{A,B}', '{5,5}')$$, $$try('x', '{Z}', '{5}', strict => false)$$,
  $$confirm('held')$$, $$confirm('none')$$, $$cancel('none')$$, $$cancel('short')$$, $$extend('held', 60)$$, $$expire_holds()$$]) c;
SELECT xid, state FROM inv_open_holds;
COMMIT;
-- (f()).* would call once per column
SELECT refused('SELECT (inv_' || c || ').*') FROM unnest(ARRAY[$$try('x', '{A}', '{1}')$$, $$confirm('held')$$, $$cancel('held')$$, $$extend('held', 60)$$]) c;
-- nobody writes the tables but the functions, the owner neither
SELECT c || E'\n  ' || refused(c) FROM unnest(ARRAY['UPDATE inv_hold SET state = ''cancelled''', 'UPDATE inv_hold SET state = NULL WHERE false', 'DELETE FROM inv_hold',
  'DELETE FROM inv_hold WHERE false', 'TRUNCATE inv_hold', 'TRUNCATE inv_hold CASCADE', 'UPDATE inv_hold_line SET held = 0', 'DELETE FROM inv_hold_line WHERE false',
  'TRUNCATE inv_hold_line']) c;
SELECT refused('UPDATE inv_open_holds SET state = ''x''', true), refused('DELETE FROM inv_open_holds', true);
SELECT everything() = :'before' AS nothing_changed;

-- the owner may insert, as a restore does; what makes no sense is refused
BEGIN;
INSERT INTO inv_hold (xid, branch, state, on_expiry, digest, quantities, confirmed, status, owner, created_at) SELECT xid, '', state, on_expiry, digest, quantities, confirmed, status, '', now()
  FROM (VALUES ('w1', 'held', 'keep', '\x00'::bytea, NULL::bigint[], NULL::bigint[], NULL), ('w2', 'held', 'keep', NULL, '{1}', NULL, NULL), ('w3', 'confirmed', 'keep', '\x00', '{1}', NULL, NULL),
    ('w4', 'held', 'never', '\x00', '{1}', NULL, NULL), ('w5', 'refused', 'keep', '\x00', '{1}', NULL, 'unknown_item'), ('w6', 'confirmed', 'keep', '\x00', '{1,1}', '{1}', NULL),
    ('w7', 'held', 'keep', '\x00', '{{1,1}}', NULL, NULL), ('w8', 'held', 'keep', '\x00', '{1,NULL}', NULL, NULL), ('w9', 'held', 'keep', '\x00', '{1}', NULL, NULL)) v(xid, state, on_expiry, digest, quantities, confirmed, status);
INSERT INTO inv_hold_line (hold_id, position, line, units, stock_id, sku, location, quantity, confirmed, held) SELECT hold_id, 1, 1000000, 1, 1, 'A', 'main', 1, 0, 1 FROM inv_hold WHERE xid = 'w9';
SELECT refused($$SELECT inv_confirm('w1')$$);
SELECT xid || ': ' || refused(format('SELECT inv_confirm(%L)', xid), true) FROM inv_hold WHERE xid LIKE 'w_' ORDER BY xid;
SELECT xid || ': ' || refused(format('SELECT inv_try(%L, ''{A}'', ''{1}'', strict => false)', xid), true) FROM inv_hold WHERE xid LIKE 'w_' ORDER BY xid;
ROLLBACK;
-- rights: functions and the view by level, the tables for none
SELECT r || ': ' || string_agg(p.proname, ' ' ORDER BY p.proname) FROM unnest('{regress_inv_nobody,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) r, pg_proc p
  WHERE p.pronamespace = 'hold_arguments'::regnamespace AND has_function_privilege(r, p.oid, 'EXECUTE')
    AND p.proname IN ('inv_try', 'inv_confirm', 'inv_cancel', 'inv_extend', 'inv_expire_holds') GROUP BY r ORDER BY r;
SELECT r || ' ' || t || ': ' || v FROM unnest('{regress_inv_nobody,regress_inv_reader,regress_inv_clerk,regress_inv_admin}'::name[]) r,
    unnest('{inv_hold,inv_hold_line,inv_open_holds}'::text[]) t, unnest('{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[]) v
  WHERE has_table_privilege(r, t, v) ORDER BY 1;
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
  unnest(ARRAY['SELECT inv_try(''right'', ''{A}'', ''{1}'')', 'SELECT inv_extend(''right'', 60)', 'SELECT inv_confirm(''right'')', 'SELECT inv_cancel(''none'')',
    'SELECT inv_expire_holds()', 'SELECT FROM inv_open_holds', 'SELECT FROM inv_hold', 'SELECT FROM inv_hold_line',
    'INSERT INTO inv_hold (xid) VALUES (''x'')', 'UPDATE inv_hold SET state = NULL', 'DELETE FROM inv_hold_line'])
    WITH ORDINALITY commands(c, cn) ORDER BY cn, rn;
-- who made the hold is its owner; another of the same level may decide it
SET ROLE regress_inv_clerk;
SELECT status FROM inv_try('mine', '{A}', '{1}');
SELECT status FROM inv_try('mine', '{A}', '{1}', branch => 'b');
SET inventory.actor = 'till 7';
SELECT status FROM inv_try('mine', '{A}', '{1}', branch => 'c');
RESET inventory.actor;
RESET ROLE;
SELECT branch, owner = session_user AS session_s, CASE WHEN owner <> session_user THEN owner END FROM inv_open_holds WHERE xid = 'mine' ORDER BY branch;
SET ROLE regress_inv_admin;
SELECT o.state, c.state FROM inv_confirm('mine') o, inv_cancel('mine', 'b') c;
SELECT status, state FROM inv_cancel('mine', 'c');
RESET ROLE;
-- one function granted alone is enough, and is no way to another
SELECT inv_revoke('regress_inv_clerk', 'reader');
GRANT USAGE ON SCHEMA hold_arguments TO regress_inv_clerk;
GRANT EXECUTE ON FUNCTION inv_try TO regress_inv_clerk;
SET ROLE regress_inv_clerk;
SET search_path = pg_catalog;
SELECT status FROM hold_arguments.inv_try('alone', '{A}', '{1}');
SELECT replayed FROM hold_arguments.inv_try('alone', '{A}', '{1}');
SELECT hold_arguments.inv_cancel('alone');
RESET ROLE;
SET search_path = hold_arguments;
-- names of the caller's own do not get in between
CREATE TEMP TABLE inv_hold (xid text, branch text, state text);
CREATE TEMP TABLE inv_hold_line (hold_id bigint, held bigint);
SET search_path = pg_temp, hold_arguments;
SELECT status, state FROM inv_try('temp', '{A}', '{1}');
SELECT status, state FROM inv_cancel('temp');
SELECT status, state FROM inv_confirm('alone');
SELECT count(*) FROM pg_temp.inv_hold;
DROP TABLE pg_temp.inv_hold, pg_temp.inv_hold_line;
SET search_path = hold_arguments;
SELECT * FROM inv_verify();

SELECT inv_revoke(r, 'reader') FROM unnest('{regress_inv_reader,regress_inv_admin,regress_inv_clerk,regress_inv_nobody}'::name[]) r;
SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA hold_arguments CASCADE;
DROP ROLE regress_inv_nobody, regress_inv_reader, regress_inv_clerk, regress_inv_admin;
