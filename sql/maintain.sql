--
-- inv_maintain: leaves made ahead, and keys that are old enough removed
--
CREATE SCHEMA maintain;
CREATE EXTENSION inventory SCHEMA maintain;
SET search_path = maintain;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple');
CREATE VIEW leaves AS SELECT substring(inhrelid::regclass::text, '\d+$')::bigint AS first
  FROM pg_inherits WHERE inhparent = 'inv_movement'::regclass;
-- ahead - how many leaves there are beyond the last movement
CREATE VIEW ahead AS SELECT count(*) AS leaves FROM leaves
  WHERE first > (SELECT coalesce(max(movement_id), 0) FROM inv_movement);
-- five kinds of work, always all named
SELECT task FROM inv_maintain() ORDER BY task;

SHOW inventory.key_retention;
SELECT on_hand FROM inv_receive('A', 100, key => 'r');
SELECT status FROM inv_deduct('A', 1, key => 'd');
SELECT status FROM inv_deduct('A', 1000, key => 'n', strict => false);
-- nothing to do, nothing done
SELECT count(*) FROM inv_maintain();
SELECT state() AS before, count(*) AS leaves FROM leaves \gset
SELECT * FROM inv_maintain() ORDER BY task;
SELECT state() = :'before' AND count(*) = :leaves AS nothing_changed FROM leaves;
SELECT key FROM inv_request ORDER BY key;

-- keys past their time: the clock is set by making the keys older
CREATE PROCEDURE make_older(which text, by interval) LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL session_replication_role = replica;
  UPDATE inv_request SET created_at = created_at - by WHERE key = which;
END $$;
CALL make_older('d', '23 hours 59 minutes');
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT replayed FROM inv_deduct('A', 1, key => 'd');
-- a replay does not make a key younger
CALL make_older('d', '2 minutes');
CALL make_older('n', '2 days');
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT key FROM inv_request ORDER BY key;
-- what was removed is new
SELECT status, replayed FROM inv_deduct('A', 2, key => 'd');
SELECT status, replayed FROM inv_deduct('A', 2, key => 'd');
SELECT status, replayed FROM inv_deduct('A', 1, key => 'n');
-- as old as it may be, a key holds until it is removed
CALL make_older('r', '30 days');
SELECT replayed FROM inv_receive('A', 100, key => 'r');
-- removed in a transaction that is rolled back: it holds
BEGIN;
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT replayed FROM inv_receive('A', 100, key => 'r');
ROLLBACK;
SELECT replayed FROM inv_receive('A', 100, key => 'r');
-- the stock and the ledger stay when keys go, and so do returns of the call
SELECT status FROM inv_deduct('A', 5, key => 'goes');
CALL make_older('goes', '30 days');
SELECT md5(string_agg(m::text, ';' ORDER BY movement_id)) AS ledger, state() AS before FROM inv_movement m \gset
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT md5(string_agg(m::text, ';' ORDER BY movement_id)) = :'ledger' AND state() = :'before' AS nothing_changed FROM inv_movement m;
SELECT status, quantity, on_hand FROM inv_return('goes', 2);
SELECT count(*) FROM inv_request WHERE key = 'goes';
-- many at once
SELECT count(o.status) FROM generate_series(1, 3000) g, LATERAL inv_receive('A', 1, key => 'many-' || g) o;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE inv_request SET created_at = created_at - interval '2 days' WHERE key LIKE 'many-%';
COMMIT;
SELECT affected FROM inv_maintain() WHERE task = 'keys';
SELECT count(*) FROM inv_request WHERE key LIKE 'many-%';

-- leaves: some ahead of need, not more when it is called again
SET inventory.leaf_size = 10;
SELECT count(*) FROM inv_maintain();
SELECT leaves > 0 AS some FROM ahead;
SELECT affected AS leaves FROM inv_maintain() WHERE task = 'leaves';
-- what is written goes on into them
SELECT count(o.status) FROM generate_series(1, 40) g, LATERAL inv_receive('A', 1, reference => g::text) o;
SELECT count(*) FROM inv_maintain();
SELECT leaves > 0 AS some FROM ahead;
RESET inventory.leaf_size;

-- a leaf that has gone missing is made by it, and counted
SELECT max(first) AS last FROM leaves \gset
DROP TABLE inv_movement_:last;
SELECT affected AS leaves FROM inv_maintain() WHERE task = 'leaves';
SELECT max(first) = :last AS again FROM leaves;

-- not in a read-only transaction; how long keys hold is the server's to say
BEGIN READ ONLY;
SELECT refused('SELECT inv_maintain()', true);
COMMIT;
SELECT refused('SET inventory.key_retention = ''1s''', true);
CREATE ROLE regress_inv_janitor;
GRANT USAGE ON SCHEMA maintain TO regress_inv_janitor;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;
SET ROLE regress_inv_janitor;
SELECT refused('SELECT inv_maintain()', true);
RESET ROLE;
GRANT EXECUTE ON FUNCTION inv_maintain TO regress_inv_janitor;
SET ROLE regress_inv_janitor;
SELECT task FROM inv_maintain() ORDER BY task;
RESET ROLE;
SELECT bool_and(c.relowner = (SELECT relowner FROM pg_class WHERE oid = 'inv_movement'::regclass)) AS owner_s
  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'inv_movement'::regclass;

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA maintain CASCADE;
DROP ROLE regress_inv_janitor;
