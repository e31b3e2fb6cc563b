--
-- Holds in the caller's own transaction: savepoints, blocks that are rolled back
--
CREATE SCHEMA hold_transactions;
CREATE EXTENSION inventory SCHEMA hold_transactions;
SET search_path = hold_transactions;
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
INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
SELECT count(*) FROM inv_receive_many('{A,B}', '{100,200}');
SELECT up_to_date();
CREATE TABLE orders (number text PRIMARY KEY);

-- an order and its hold in one transaction: both or neither
BEGIN;
INSERT INTO orders VALUES ('1');
SELECT :answer FROM inv_try('o1', '{A,B}', '{3,4}', reference => '1');
COMMIT;
SELECT everything() AS before \gset
BEGIN;
INSERT INTO orders VALUES ('2');
SELECT :answer FROM inv_try('o2', '{A,B}', '{3,4}', reference => '2');
SELECT reserved FROM inv_stock_level ORDER BY sku;
ROLLBACK;
SELECT everything() = :'before' AS nothing_changed;
SELECT refused($$SELECT inv_confirm('o2')$$, true);
SELECT news();
-- all of it in one transaction
BEGIN;
SELECT :answer FROM inv_try('o3', '{A}', '{1}');
SELECT :answer FROM inv_try('o3', '{A}', '{1}');
SELECT :answer FROM inv_extend('o3', 60);
SELECT :answer FROM inv_confirm('o3');
SELECT :answer FROM inv_confirm('o3');
SELECT :answer FROM inv_try('o4', '{A}', '{1}');
SELECT :answer FROM inv_cancel('o4');
SELECT :answer FROM inv_cancel('o5');
SELECT :answer FROM inv_cancel('o5');
COMMIT;
SELECT refused($$SELECT inv_try('o5', '{A}', '{1}')$$, true);
SELECT news();
-- two calls in one statement
SELECT t.state, c.state FROM inv_try('o6', '{A}', '{1}') t, LATERAL inv_confirm(t.xid) c;
SELECT (SELECT state FROM inv_try('o7', '{A}', '{1}')) || ' ' || (SELECT state FROM inv_cancel('o7'));
SELECT news();

-- every decision, rolled back: it is open as before, and can be decided otherwise
SELECT status FROM inv_try('d1', '{A,B}', '{2,3}');
SELECT everything() AS before \gset
BEGIN; SELECT state FROM inv_confirm('d1'); ROLLBACK;
BEGIN; SELECT state FROM inv_confirm('d1', quantities => '{1,0}', release_rest => false); ROLLBACK;
BEGIN; SELECT state FROM inv_confirm('d1', quantities => '{1,0}'); ROLLBACK;
BEGIN; SELECT state FROM inv_cancel('d1'); ROLLBACK;
BEGIN; SELECT state FROM inv_extend('d1', 7200); ROLLBACK;
BEGIN; SELECT state FROM inv_cancel('d2'); ROLLBACK;
BEGIN; SELECT state FROM inv_try('d2', '{A}', '{999}', strict => false); ROLLBACK;
SELECT everything() = :'before' AS nothing_changed;
SELECT :answer FROM inv_try('d1', '{A,B}', '{2,3}');
SELECT up_to_date();

-- savepoints: what was rolled back to never happened
BEGIN;
SELECT :answer FROM inv_try('s1', '{A}', '{1}');
SAVEPOINT s;
SELECT :answer FROM inv_confirm('s1');
SELECT refused($$SELECT inv_cancel('s1')$$, true);
ROLLBACK TO s;
SELECT :answer FROM inv_cancel('s1');
ROLLBACK TO s;
SELECT :answer FROM inv_confirm('s1', quantities => '{0}', release_rest => false);
RELEASE s;
SAVEPOINT s;
SELECT :answer FROM inv_try('s2', '{A}', '{1}');
ROLLBACK TO s;
SELECT :answer FROM inv_cancel('s2');
ROLLBACK TO s;
SELECT :answer FROM inv_try('s2', '{B}', '{1}');
SAVEPOINT inner_one;
SELECT :answer FROM inv_confirm('s2');
RELEASE inner_one;
ROLLBACK TO s;
SELECT :answer FROM inv_try('s2', '{B}', '{2}');
COMMIT;
SELECT xid, state FROM inv_hold WHERE xid IN ('s1', 's2') ORDER BY xid;
SELECT news();
SELECT o.state, c.state FROM inv_confirm('s1') o, inv_cancel('s2') c;
SELECT news();
-- a raised error in a savepoint costs no more than it; one that was answered costs nothing
BEGIN;
SELECT :answer FROM inv_try('s3', '{A}', '{1}');
SAVEPOINT s;
SELECT inv_try('s3', '{A}', '{2}');
ROLLBACK TO s;
SELECT inv_try('s4', '{A}', '{999}');
ROLLBACK TO s;
SELECT status FROM inv_try('s4', '{A}', '{999}', strict => false);
SELECT :answer FROM inv_confirm('s3');
COMMIT;
SELECT xid, state FROM inv_hold WHERE xid IN ('s3', 's4') ORDER BY xid;
SELECT news();
-- changing a cart: given up and tried anew under another branch, at once or not at all
SELECT status FROM inv_try('cart', '{B}', '{10}', branch => '1');
BEGIN;
SELECT state FROM inv_cancel('cart', '1');
SELECT state FROM inv_try('cart', '{B}', '{12}', branch => '2');
COMMIT;
SELECT news();
BEGIN;
SELECT state FROM inv_cancel('cart', '2');
SELECT inv_try('cart', '{B}', '{999}', branch => '3');
ROLLBACK;
SELECT branch, state FROM inv_hold WHERE xid = 'cart' ORDER BY branch;
SELECT news();
SELECT state FROM inv_confirm('cart', '2');

-- expiring is rolled back, too
SELECT status FROM inv_try('e1', '{A}', '{1}');
CALL make_older('e1', '1 hour');
SELECT everything() AS before \gset
BEGIN; SELECT inv_expire_holds(); SELECT state FROM inv_cancel('e1'); ROLLBACK;
SELECT everything() = :'before' AS nothing_changed;
-- a hold that a transaction tried may expire in it
BEGIN;
SELECT inv_expire_holds();
SELECT inv_expire_holds();
SELECT refused($$SELECT inv_confirm('e1')$$, true);
COMMIT;

-- at the levels that forbid to see what changed, a transaction sees its own
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT :answer FROM inv_try('i1', '{A}', '{1}');
SELECT :answer FROM inv_extend('i1', 60);
SELECT :answer FROM inv_confirm('i1');
SELECT :answer FROM inv_cancel('i2');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT :answer FROM inv_confirm('i1');
SELECT :answer FROM inv_try('i3', '{A}', '{1}');
SELECT :answer FROM inv_cancel('i3');
SELECT refused($$SELECT inv_confirm('i2')$$, true);
COMMIT;

-- a function, a trigger, a block with an exception handler
CREATE FUNCTION reserve() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM hold_transactions.inv_try('order', '{A}', ARRAY[1], branch => NEW.number, reference => NEW.number);
  RETURN NEW;
END $$;
CREATE TRIGGER reserve BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION reserve();
INSERT INTO orders VALUES ('10'), ('11');
SELECT xid, branch, state, reference FROM inv_open_holds WHERE xid = 'order' ORDER BY branch;
INSERT INTO orders VALUES ('12'), ('11');
SELECT count(*) FROM inv_open_holds WHERE xid = 'order';
DO $$
BEGIN
  PERFORM hold_transactions.inv_confirm('order', '10');
  RAISE EXCEPTION 'no';
EXCEPTION WHEN raise_exception THEN
  PERFORM hold_transactions.inv_cancel('order', '10');
END $$;
SELECT branch, state FROM inv_hold WHERE xid = 'order' ORDER BY branch;
SELECT news();
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA hold_transactions CASCADE;
