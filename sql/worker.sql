--
-- The worker, seen from a database that has none: its state, who may ask, and
-- what may be set.  t/040 and t/046 have the worker itself, t/045 pg_cron.
--
CREATE SCHEMA worker;
CREATE EXTENSION inventory SCHEMA worker;
SET search_path = worker;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SHOW inventory.databases;
SHOW inventory.worker_nap;
INSERT INTO inv_item (sku) VALUES ('A');
SELECT on_hand FROM inv_receive('A', 10);
-- one row for each kind of work; nobody does it, and that is said
SELECT database = current_database() AS here, verb, running, pid, started_at,
       last_loop_at, last_run_at, runs, errors, last_error, last_error_at
  FROM inv_worker_status() WHERE verb IN ('expire', 'housekeeping') ORDER BY verb;
SELECT DISTINCT hint IS NOT NULL AS hint FROM inv_worker_status();
-- what would be to do is counted all the same
SELECT count(inv_try('x' || g, '{A}', '{1}')) FROM generate_series(1, 3) g;
SELECT state FROM inv_try('keep', '{A}', '{1}', on_expiry => 'keep');
SELECT backlog FROM inv_worker_status() WHERE verb = 'expire';
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_hold SET expires_at = clock_timestamp();
COMMIT;
SELECT backlog FROM inv_worker_status() WHERE verb = 'expire';
SELECT inv_expire_holds();
SELECT backlog FROM inv_worker_status() WHERE verb = 'expire';

-- nothing wrong: silence
SELECT inv_verify_or_fail();
-- something wrong
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_stock SET on_hand = 11, reserved = 0;
SELECT inv_verify_or_fail();
ROLLBACK;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_stock SET on_hand = 11;
SELECT refused('SELECT inv_verify_or_fail()', true);
ROLLBACK;

-- pg_cron is not here
SELECT refused('SELECT inv_schedule_maintenance()', true);

-- readers see the state, admins schedule
CREATE ROLE regress_inv_stranger;
CREATE ROLE regress_inv_reader;
CREATE ROLE regress_inv_clerk;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;
GRANT USAGE ON SCHEMA worker TO regress_inv_stranger;
SELECT inv_grant('regress_inv_reader', 'reader'), inv_grant('regress_inv_clerk', 'clerk');
\pset tuples_only on
SET ROLE regress_inv_stranger;
SELECT refused('SELECT inv_worker_status()');
SELECT refused('SELECT inv_verify_or_fail()');
SELECT refused('SELECT inv_schedule_maintenance()');
SET ROLE regress_inv_reader;
SELECT count(*) > 1 FROM inv_worker_status();
SELECT inv_verify_or_fail();
SET ROLE regress_inv_clerk;
SELECT refused('SELECT inv_schedule_maintenance()');
RESET ROLE;
\pset tuples_only off

-- the settings are the server's
SELECT refused($$SET inventory.databases = 'shop'$$);
SELECT refused($$SET inventory.worker_nap = '1s'$$);

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA worker CASCADE;
DROP ROLE regress_inv_stranger, regress_inv_reader, regress_inv_clerk;
