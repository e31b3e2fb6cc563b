--
-- Holds: every order of calls, each answer, what it moved and what is left
--
CREATE SCHEMA hold;
CREATE EXTENSION inventory SCHEMA hold;
SET search_path = hold;
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
INSERT INTO inv_location (location) VALUES ('shop');
SELECT count(*) FROM inv_receive_many('{A,B,A}', '{10,20,5}', '{main,main,shop}');
SELECT up_to_date();

-- try, try (same): status, xid, branch, state, minutes left, replayed, refusal
SELECT :answer FROM inv_try('t1', '{A,B}', '{3,4}', reference => 'order 1');
SELECT news();
SELECT :answer FROM inv_try('t1', '{A,B}', '{3,4}', reference => 'order 1');
SELECT :answer FROM inv_try('t1', '{A,B}', '{3,4}', reference => 'order 1');
-- the same, spelled otherwise: defaults, and how a refusal would be told
SELECT :answer FROM inv_try('t1', '{A,B}', '{3,4}', '{main}', NULL, '', 900, 'release', 'order 1', true);
SELECT :answer FROM inv_try('t1', '{A,B}', '{3,4}', '{main,main}', reference => 'order 1', strict => false);
SELECT news();
-- what is held is not for sale
SELECT on_hand, reserved, available FROM inv_stock_level WHERE sku = 'A' AND location = 'main';
SELECT status, on_hand, reserved, available FROM inv_deduct('A', 8, strict => false);
SELECT status, on_hand, reserved, available FROM inv_deduct('A', 1);
SELECT news();

-- try, try (other arguments): IV014, nothing changed
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_try('t1', '{A,B}', '{3,5}', reference => 'order 1')$$);
SELECT c || ' ' || refused('SELECT inv_try(''t1'', ' || c || ')', true) FROM unnest('{
  "''{A,B}'', ''{3,5}'', reference => ''order 1'', strict => false", "''{B,A}'', ''{3,4}'', reference => ''order 1''",
  "''{B,A}'', ''{4,3}'', reference => ''order 1''", "''{A,B,A}'', ''{2,4,1}'', reference => ''order 1''",
  "''{A}'', ''{3}'', reference => ''order 1''", "''{A,B}'', ''{3,4}'', ''{shop}'', reference => ''order 1''",
  "''{A,B}'', ''{3,4}'', sources => ''{main}'', reference => ''order 1''",
  "''{A,B}'', ''{3,4}'', sources => ''{}'', reference => ''order 1''",
  "''{A,B}'', ''{3,4}''", "''{A,B}'', ''{3,4}'', reference => ''order 2''",
  "''{A,B}'', ''{3,4}'', reference => ''order 1'', ttl_seconds => 901",
  "''{A,B}'', ''{3,4}'', reference => ''order 1'', on_expiry => ''keep''"}'::text[]) c;
SELECT everything() = :'before' AS nothing_changed;
-- the default is what it is now
SET inventory.default_location = 'shop';
SELECT refused($$SELECT inv_try('t1', '{A,B}', '{3,4}', reference => 'order 1')$$, true);
RESET inventory.default_location;
-- another branch of the xid is another hold, and another xid
SELECT :answer FROM inv_try('t1', '{A}', '{1}', branch => 'b', ttl_seconds => 120, on_expiry => 'keep');
SELECT :answer FROM inv_try('t1/b', '{A}', '{1}');
SELECT :answer FROM inv_try('t1', '{A}', '{2}', branch => 'B', on_expiry => 'reacquire');
SELECT news();
SELECT status, state FROM inv_cancel('t1', 'B');
SELECT status, state FROM inv_cancel('t1/b');
SELECT status, state FROM inv_cancel('t1', branch => 'b');
SELECT news();

-- try refused for stock, strict: nothing was kept, so the same is tried afresh
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_try('r1', '{B,A}', '{1,7}')$$);
SELECT refused($$SELECT inv_try('r1', '{B,A,A}', '{1,3,4}', branch => 'x')$$);
SELECT everything() = :'before' AS nothing_kept;
SELECT refused($$SELECT inv_confirm('r1')$$, true), refused($$SELECT inv_extend('r1', 60)$$, true);
SELECT status, on_hand FROM inv_receive('A', 1);
SELECT :answer FROM inv_try('r1', '{B,A}', '{1,7}');
SELECT news();
SELECT status, state FROM inv_cancel('r1');
-- not strict: the same refusal, also when there would be enough
SELECT :answer FROM inv_try('r2', '{B,A,A}', '{1,3,5}', strict => false);
SELECT news();
SELECT status, on_hand FROM inv_receive('A', 5);
SELECT news();
SELECT :answer FROM inv_try('r2', '{B,A,A}', '{1,3,5}', strict => false);
SELECT refused($$SELECT inv_try('r2', '{B,A,A}', '{1,3,5}')$$);
SELECT :answer FROM inv_try('r2', '{B,A,A}', '{1,3,5}', strict => false);
SELECT refused($$SELECT inv_try('r2', '{B,A}', '{1,3}', strict => false)$$);
SELECT refused($$SELECT inv_confirm('r2')$$);
SELECT refused($$SELECT inv_extend('r2', 60)$$);
-- it can be cancelled, as every branch is when one was refused
SELECT :answer FROM inv_cancel('r2');
SELECT :answer FROM inv_cancel('r2');
SELECT refused($$SELECT inv_try('r2', '{B,A,A}', '{1,3,5}', strict => false)$$);
SELECT news();
-- each refusal: of the first refused line, as inv_deduct_many raises it
UPDATE inv_item SET active = false WHERE sku = 'B';
SELECT :answer FROM inv_try('r3', '{A,B,A}', '{1,2,1}', strict => false);
SELECT :answer FROM inv_try('r4', '{A,Z,A}', '{1,2,1}', strict => false);
SELECT :answer FROM inv_try('r5', '{A,A}', '{1,2}', '{main,x}', strict => false);
SELECT :answer FROM inv_try('r6', '{A,A}', '{1,2}', '{main,x}', branch => 'b', strict => false);
SELECT refused($$SELECT inv_try('r3', '{A,B,A}', '{1,2,1}')$$);
SELECT refused($$SELECT inv_try('r4', '{A,Z,A}', '{1,2,1}')$$);
SELECT refused($$SELECT inv_try('r5', '{A,A}', '{1,2}', '{main,x}')$$);
-- the same refusal, every column of it; no time is left that could be over
SELECT :answer FROM inv_try('r4', '{A,Z,A}', '{1,2,1}', strict => false);
SELECT :answer FROM inv_try('r5', '{A,A}', '{1,2}', '{main,x}', strict => false);
SELECT count(*), count(expires_at) FROM inv_hold WHERE state = 'refused';
UPDATE inv_item SET active = true WHERE sku = 'B';
SELECT :answer FROM inv_try('r3', '{A,B,A}', '{1,2,1}', strict => false);
SELECT news();

-- confirm without try: unknown, and no tombstone
SELECT count(*) AS holds FROM inv_hold \gset
SELECT refused($$SELECT inv_confirm('c0')$$);
SELECT refused($$SELECT inv_confirm('c0', 'b', '{1}', false)$$);
SELECT refused($$SELECT inv_extend('c0', 60)$$);
SELECT refused($$SELECT inv_extend('t1', 60, 'none')$$);
SELECT count(*) = :holds AS none_made FROM inv_hold;
SELECT :answer FROM inv_try('c0', '{A}', '{1}');
SELECT :answer FROM inv_confirm('c0');
SELECT news();

-- try, confirm, confirm
SELECT :answer FROM inv_try('c1', '{A,B,A}', '{1,2,3}', '{main,main,shop}', branch => 'b', reference => 'order 2');
SELECT news();
SELECT :answer FROM inv_confirm('c1', 'b');
SELECT news();
SELECT everything() AS before \gset
SELECT :answer FROM inv_confirm('c1', 'b');
SELECT :answer FROM inv_confirm('c1', 'b', NULL, false);
SELECT :answer FROM inv_confirm('c1', 'b', '{1,2,3}');
SELECT :answer FROM inv_confirm('c1', 'b', '{1,2,3}', false);
-- the try that comes again, and another
SELECT :answer FROM inv_try('c1', '{A,B,A}', '{1,2,3}', '{main,main,shop}', branch => 'b', reference => 'order 2');
SELECT refused($$SELECT inv_try('c1', '{A}', '{1}', branch => 'b')$$);
-- confirmed, then cancelled, extended, confirmed with other quantities: stock untouched
SELECT refused($$SELECT inv_cancel('c1', 'b')$$);
SELECT refused($$SELECT inv_extend('c1', 60, 'b')$$);
SELECT refused($$SELECT inv_confirm('c1', 'b', '{1,2,2}')$$);
SELECT refused($$SELECT inv_confirm('c1', 'b', '{0,0,0}')$$, true);
-- nothing of it is held any more that could be exceeded
SELECT refused($$SELECT inv_confirm('c1', 'b', '{1,2,4}')$$, true);
SELECT everything() = :'before' AS nothing_changed;

-- try, cancel, cancel
SELECT :answer FROM inv_try('x1', '{A,B}', '{2,2}');
SELECT news();
SELECT :answer FROM inv_cancel('x1');
SELECT news();
SELECT everything() AS before \gset
SELECT :answer FROM inv_cancel('x1');
-- cancelled: neither tried nor confirmed nor extended any more
SELECT refused($$SELECT inv_try('x1', '{A,B}', '{2,2}')$$);
SELECT refused($$SELECT inv_try('x1', '{A}', '{1}', strict => false)$$, true);
SELECT refused($$SELECT inv_confirm('x1')$$);
SELECT refused($$SELECT inv_confirm('x1', quantities => '{9,9}')$$, true);
SELECT refused($$SELECT inv_extend('x1', 60)$$);
SELECT everything() = :'before' AS nothing_changed;

-- cancel without try: done, and remembered
SELECT :answer FROM inv_cancel('e1', 'b');
SELECT :answer FROM inv_cancel('e1', 'b');
SELECT xid, branch, state FROM inv_hold WHERE xid = 'e1';
-- the try that comes late, however often
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_try('e1', '{A}', '{1}', branch => 'b')$$);
SELECT refused($$SELECT inv_try('e1', '{A}', '{1}', branch => 'b')$$, true);
SELECT refused($$SELECT inv_try('e1', '{Z}', '{1}', branch => 'b', strict => false)$$, true);
SELECT refused($$SELECT inv_confirm('e1', 'b')$$, true), refused($$SELECT inv_extend('e1', 60, 'b')$$, true);
SELECT :answer FROM inv_cancel('e1', 'b');
SELECT everything() = :'before' AS nothing_changed;
-- other branches know nothing of it
SELECT :answer FROM inv_try('e1', '{A}', '{1}', branch => 'c');
SELECT status, state FROM inv_cancel('e1', 'c');

-- confirm takes less: the rest is back at once
SELECT :answer FROM inv_try('p1', '{A,B}', '{3,4}');
SELECT news();
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_confirm('p1', quantities => '{3,5}')$$);
SELECT refused($$SELECT inv_confirm('p1', quantities => '{4,4}', release_rest => false)$$, true);
SELECT everything() = :'before' AS nothing_changed;
SELECT :answer FROM inv_confirm('p1', quantities => '{1,4}');
SELECT news();
SELECT :answer FROM inv_confirm('p1', quantities => '{1,4}');
SELECT refused($$SELECT inv_confirm('p1')$$);
SELECT refused($$SELECT inv_confirm('p1', quantities => '{3,4}')$$, true);
SELECT refused($$SELECT inv_cancel('p1')$$, true);
SELECT news();
-- none of it: all is back, and it is confirmed
SELECT status, state FROM inv_try('p2', '{A,B}', '{3,4}');
SELECT :answer FROM inv_confirm('p2', quantities => '{0,0}');
SELECT :answer FROM inv_confirm('p2', quantities => '{0,0}');
SELECT refused($$SELECT inv_confirm('p2')$$, true);
SELECT news();
-- or the rest stays held: quantities are totals
SELECT status, state FROM inv_try('p3', '{A,B}', '{3,4}', ttl_seconds => 600);
SELECT news();
SELECT :answer FROM inv_confirm('p3', quantities => '{1,0}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('p3', quantities => '{1,0}', release_rest => false);
SELECT :answer FROM inv_confirm('p3', quantities => '{2,1}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_try('p3', '{A,B}', '{3,4}', ttl_seconds => 600);
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_confirm('p3', quantities => '{1,4}', release_rest => false)$$);
SELECT refused($$SELECT inv_confirm('p3', quantities => '{1,1}')$$, true);
SELECT refused($$SELECT inv_confirm('p3', quantities => '{4,1}', release_rest => false)$$);
SELECT everything() = :'before' AS nothing_changed;
SELECT :answer FROM inv_extend('p3', 3600);
SELECT :answer FROM inv_confirm('p3', quantities => '{2,3}');
SELECT news();
SELECT :answer FROM inv_confirm('p3', quantities => '{2,3}', release_rest => false);
SELECT refused($$SELECT inv_confirm('p3')$$, true);
-- all the rest
SELECT status, on_hand FROM inv_receive_many('{A,B}', '{10,10}');
SELECT status, state FROM inv_try('p4', '{A,B}', '{3,4}');
SELECT status, state FROM inv_confirm('p4', quantities => '{1,2}', release_rest => false);
SELECT :answer FROM inv_confirm('p4');
SELECT news();
SELECT :answer FROM inv_confirm('p4', quantities => '{3,4}');
-- the rest is given back by cancel
SELECT status, state FROM inv_try('p5', '{A,B}', '{3,4}');
SELECT status, state FROM inv_confirm('p5', quantities => '{0,2}', release_rest => false);
SELECT :answer FROM inv_cancel('p5');
SELECT news();
SELECT :answer FROM inv_cancel('p5');
SELECT refused($$SELECT inv_confirm('p5', quantities => '{0,2}')$$, true);
-- the same totals as before give the rest back, if it shall not stay held this time
SELECT status, state FROM inv_try('p7', '{A,B}', '{3,4}');
SELECT status, state FROM inv_confirm('p7', quantities => '{1,2}', release_rest => false);
SELECT news();
SELECT :answer FROM inv_confirm('p7', quantities => '{1,2}');
SELECT news();
SELECT :answer FROM inv_confirm('p7', quantities => '{1,2}');
-- as much as is held, all of it, and none left to decide
SELECT status, state FROM inv_try('p6', '{A}', '{2}');
SELECT status, state, replayed FROM inv_confirm('p6', quantities => '{2}', release_rest => false);
SELECT news();

-- extend: from now, longer or shorter
SELECT :answer FROM inv_try('l1', '{A}', '{1}', ttl_seconds => 60);
SELECT :answer FROM inv_extend('l1', 7200);
SELECT :answer FROM inv_extend('l1', 120);
SELECT :answer FROM inv_extend(xid => 'l1', ttl_seconds => 31536000, branch => '');
SELECT :answer FROM inv_try('l1', '{A}', '{1}', ttl_seconds => 60);
SELECT news();
-- expired, though nothing has swept: try, confirm and extend say so, cancel is done
CALL make_older('l1', '1 year 1 day');
SELECT everything() AS before \gset
SELECT refused($$SELECT inv_try('l1', '{A}', '{1}', ttl_seconds => 60)$$);
SELECT refused($$SELECT inv_try('l1', '{A}', '{2}', strict => false)$$, true);
SELECT refused($$SELECT inv_confirm('l1')$$);
SELECT refused($$SELECT inv_confirm('l1', quantities => '{9}')$$, true);
SELECT refused($$SELECT inv_extend('l1', 60)$$);
SELECT everything() = :'before' AS nothing_changed;
SELECT :answer FROM inv_cancel('l1');
SELECT news();
SELECT :answer FROM inv_cancel('l1');
SELECT refused($$SELECT inv_confirm('l1')$$, true);
-- nothing is open, nothing is reserved
SELECT count(*) FROM inv_open_holds WHERE xid <> 't1';
SELECT status, state FROM inv_confirm('t1');
SELECT news();
SELECT count(*) FROM inv_open_holds;
SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA hold CASCADE;
