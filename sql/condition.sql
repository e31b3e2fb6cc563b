--
-- keep, expected_version and occurred_at
--
CREATE SCHEMA condition;
CREATE EXTENSION inventory SCHEMA condition;
SET search_path = condition;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name, safety_stock, backorder_limit) VALUES
  ('A', 'Apple', 0, 0), ('S', 'Salt', 3, 0), ('B', 'Bread', 0, 4), ('N', 'New', 0, 4);
INSERT INTO inv_location (location) VALUES ('shop');
SELECT sku, on_hand FROM unnest('{A,S,B}'::text[]) s, LATERAL inv_receive(s, 10) o;
SELECT state() AS before \gset

-- keep: so many must be left, or more if the floor says so
SELECT :outcome FROM inv_deduct('A', 6, keep => 5, strict => false);
SELECT :outcome FROM inv_deduct('S', 6, keep => 5, strict => false);
SELECT :outcome FROM inv_deduct('S', 8, keep => 2, strict => false);
SELECT :outcome FROM inv_deduct('B', 11, keep => 0, strict => false);
SELECT :outcome FROM inv_deduct('N', 1, keep => 0, strict => false);
SELECT :outcome FROM inv_deduct('A', 1, 'shop', keep => 0, strict => false);
SELECT :outcome FROM inv_deduct('A', 1, keep => 9007199254740991, strict => false);
SELECT :outcome FROM inv_deduct('B', 9007199254740991, keep => 9007199254740991, strict => false);
SELECT :outcome FROM inv_transfer('A', 6, 'main', 'shop', keep => 5, strict => false);
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_deduct('A', 6, keep => 5)$$);
SELECT refused($$SELECT inv_deduct('S', 6, keep => 5)$$);
SELECT refused($$SELECT inv_deduct('B', 11, keep => 0)$$);
SELECT refused($$SELECT inv_deduct('A', 1, 'shop', keep => 0)$$);
SELECT refused($$SELECT inv_transfer('A', 6, 'main', 'shop', keep => 5)$$);
-- bad values, strict or not
SELECT refused(format($$SELECT inv_deduct('A', 1, keep => %L, strict => %L)$$, keep, strict))
  FROM unnest('{true,false}'::boolean[]) strict,
       unnest('{-1,9007199254740992,-9223372036854775808}'::bigint[]) keep;
SELECT refused($$SELECT inv_transfer('A', 1, 'main', 'shop', keep => -1)$$);
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;
-- exactly so many left is right
SELECT :outcome FROM inv_deduct('A', 5, keep => 5);
SELECT :outcome FROM inv_deduct('S', 5, keep => 5);
SELECT :outcome FROM inv_deduct('S', 2, keep => 0);
SELECT :outcome FROM inv_deduct('B', 10, keep => 0);
SELECT :outcome FROM inv_transfer('A', 1, 'main', 'shop', keep => 4);
-- and who does not ask for it may have the rest
SELECT :outcome FROM inv_deduct('B', 4);
SELECT :outcome FROM inv_deduct('A', 4);

-- expected_version: the row is as it was read, or nothing happens
SELECT state() AS before \gset
SELECT :outcome FROM inv_deduct('S', 1, expected_version => 2, strict => false);
SELECT :outcome FROM inv_deduct('S', 1, expected_version => 4, strict => false);
SELECT :outcome FROM inv_deduct('N', 1, expected_version => 1, strict => false);
SELECT :outcome FROM inv_adjust('S', 9, expected_version => 2, strict => false);
SELECT :outcome FROM inv_adjust('N', 9, expected_version => 1, strict => false);
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_deduct('S', 1, expected_version => 2)$$);
SELECT refused($$SELECT inv_deduct('S', 1, expected_version => 0)$$);
SELECT refused($$SELECT inv_deduct('N', 1, expected_version => 7)$$);
SELECT refused($$SELECT inv_adjust('S', 9, expected_version => 2)$$);
SELECT refused($$SELECT inv_deduct('S', 1, expected_version => 9007199254740991)$$);
SELECT refused(format($$SELECT inv_deduct('A', 1, expected_version => -1, strict => %L)$$, strict))
  FROM unnest('{true,false}'::boolean[]) strict;
SELECT refused($$SELECT inv_adjust('A', 1, expected_version => -1)$$);
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;
SELECT :outcome FROM inv_receive('S', 6);
SELECT :outcome FROM inv_deduct('S', 1, expected_version => 4);
SELECT :outcome FROM inv_deduct('S', 1, expected_version => 4, strict => false);
SELECT :outcome FROM inv_adjust('S', 7, expected_version => 5);
-- a stock row that is not there yet is at version 0
SELECT :outcome FROM inv_deduct('N', 1, expected_version => 0);
SELECT :outcome FROM inv_adjust('N', 2, 'shop', expected_version => 0);
SELECT :outcome FROM inv_deduct('N', 1, expected_version => 0, strict => false);

-- what comes first, where several are wrong
INSERT INTO inv_item (sku, name, active) VALUES ('OLD', 'Old', false);
SELECT (inv_deduct('none', 99, 'x', expected_version => 9, strict => false)).status;
SELECT (inv_deduct('OLD', 99, 'x', expected_version => 9, strict => false)).status;
SELECT (inv_deduct('OLD', 99, expected_version => 9, strict => false)).status;
SELECT (inv_deduct('S', 99, expected_version => 9, strict => false)).status;
SELECT (inv_deduct('S', 99, expected_version => 6, strict => false)).status;
SELECT (inv_adjust('none', 9, 'x', expected_version => 9, strict => false)).status;
SELECT (inv_adjust('OLD', 9, 'x', expected_version => 9, strict => false)).status;
SELECT (inv_adjust('OLD', 9, expected_version => 9, strict => false)).status;
SELECT refused($$SELECT inv_deduct('OLD', 1, expected_version => 9)$$, true);
SELECT refused($$SELECT inv_deduct('S', 99, expected_version => 9)$$, true);

-- a chain of them in one transaction
BEGIN;
SELECT version FROM inv_deduct('S', 1, expected_version => 6);
SELECT version FROM inv_deduct('S', 1, expected_version => 7);
SAVEPOINT s;
SELECT version FROM inv_deduct('S', 1, expected_version => 8);
ROLLBACK TO s;
SELECT version FROM inv_deduct('S', 1, expected_version => 8);
COMMIT;

-- occurred_at: when it was; later than now is now; recorded_at is when it was said
BEGIN;
SELECT status FROM inv_receive('A', 9, reference => 'past', occurred_at => '2020-02-03 04:05:06.789+00');
SELECT status FROM inv_deduct('A', 1, reference => 'past', occurred_at => '2020-02-03 04:05:06.789+00');
SELECT status FROM inv_receive('A', 1, reference => 'old', occurred_at => '4000-01-01 BC');
SELECT status FROM inv_receive('A', 1, reference => 'future', occurred_at => now() + interval '1 day');
SELECT status FROM inv_deduct('A', 1, reference => 'future', occurred_at => '290000-01-01');
SELECT status FROM inv_receive('A', 1, reference => 'null', occurred_at => NULL);
SELECT status FROM inv_deduct('A', 1, reference => 'none');
SELECT reference, kind, occurred_at = '2020-02-03 04:05:06.789+00' AS past,
       occurred_at = '4000-01-01 BC' AS old,
       occurred_at BETWEEN now() AND clock_timestamp() AS present,
       recorded_at BETWEEN now() AND clock_timestamp() AS recorded_now
  FROM inv_movement WHERE reference IS NOT NULL ORDER BY movement_id;
COMMIT;
\pset format unaligned
\pset tuples_only on
SELECT refused(format($$SELECT inv_%s('A', 1, occurred_at => %L)$$, call, t))
  FROM unnest('{receive,deduct}'::text[]) call, unnest('{infinity,-infinity}'::timestamptz[]) t;
SELECT refused($$SELECT inv_deduct('A', 1, occurred_at => 'infinity', strict => false)$$, true);
\pset tuples_only off
\pset format aligned

-- the ledger says who and in which trace
SET inventory.actor = 'ann';
SET inventory.traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
SELECT count(*) FROM inv_deduct('A', 2, reference => 'trace', key => 'trace');
SELECT count(*) FROM inv_adjust('A', 3, reference => 'trace');
SELECT count(*) FROM inv_transfer('A', 1, 'main', 'shop', reference => 'trace');
SELECT count(*) FROM inv_return('trace', 1);
SELECT kind, location, actor, traceparent FROM inv_movement WHERE reference = 'trace' ORDER BY movement_id;
RESET inventory.actor;
RESET inventory.traceparent;
SELECT count(*) FROM inv_adjust('A', 3, reference => 'plain');
SELECT actor = session_user AS session_s, traceparent FROM inv_movement WHERE reference = 'plain';

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA condition CASCADE;
