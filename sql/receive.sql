--
-- inv_receive: outcomes, the row and the location it makes, what it writes
--
CREATE SCHEMA receive;
CREATE EXTENSION inventory SCHEMA receive;
SET search_path = receive;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

INSERT INTO inv_item (sku, name) VALUES ('A', 'Apple'), ('B', 'Bread');
INSERT INTO inv_location (location, name) VALUES ('shop', 'The shop');

-- nothing exists before the first call that needs it
SELECT count(*) FROM inv_stock;
SELECT location FROM inv_location ORDER BY location;

-- the first receipt makes the row, and the location main
SELECT :outcome FROM inv_receive('A', 10);
SELECT sku, location, on_hand, reserved, version FROM inv_stock;
SELECT location, sellable, priority FROM inv_location ORDER BY location;

-- the next ones add to it; named and defaulted location are the same
SELECT :outcome FROM inv_receive('A', 5, 'main');
SELECT :outcome FROM inv_receive(sku => 'A', quantity => 1, location => NULL);
-- another location has its own row
SELECT :outcome FROM inv_receive('A', 7, location => 'shop');
SELECT sku, location, on_hand, version FROM inv_stock ORDER BY location;

-- one movement each, whose sums are the stock
SELECT location, kind, on_hand_delta, reserved_delta, version,
       reference, reason, hold, key
  FROM inv_movement ORDER BY movement_id;
SELECT s.location, s.on_hand = sum(m.on_hand_delta) AS adds_up,
       s.version = max(m.version) AS last_version
  FROM inv_stock s JOIN inv_movement m USING (stock_id)
  GROUP BY s.stock_id, s.location, s.on_hand, s.version ORDER BY s.location;

-- reference and reason are the caller's words, kept as they are
SELECT :outcome FROM inv_receive('B', 3, reference => 'po-1',
                                 reason => 'it''s "here"; ünïcode ✓');
SELECT :outcome FROM inv_receive('B', 3, 'shop', '', '');
SELECT location, on_hand_delta, reference,
       reason IN ('it''s "here"; ünïcode ✓', '') AS as_it_was
  FROM inv_movement WHERE sku = 'B' ORDER BY movement_id;

-- who, from where, when
SET application_name = 'till 3';
SET inventory.actor = 'ann';
SET inventory.traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
BEGIN;
SELECT movement_id AS given FROM inv_receive('B', 1) \gset
SELECT movement_id = :given AS the_one, application_name,
       actor LIKE '%ann%' AS says_actor, traceparent,
       txid = pg_current_xact_id() AS this_transaction,
       recorded_at BETWEEN now() AND clock_timestamp() AS recorded_now,
       occurred_at BETWEEN now() AND clock_timestamp() AS occurred_now
  FROM inv_history('B', max_rows => 1);
COMMIT;
RESET application_name;
RESET inventory.actor;
RESET inventory.traceparent;
SELECT :outcome FROM inv_receive('B', 1);
SELECT actor = session_user AS says_user, traceparent
  FROM inv_history('B', max_rows => 1);

-- the two ends of what a quantity may be
INSERT INTO inv_item (sku, name) VALUES ('MAX', 'As many as there may be');
SELECT :outcome FROM inv_receive('MAX', 9007199254740991);
SELECT state() AS before \gset
\pset format unaligned
\pset tuples_only on
-- on hand may not pass that number either
SELECT refused($$SELECT inv_receive('MAX', 1)$$);
SELECT refused($$SELECT inv_receive('MAX', 9007199254740991)$$);
-- quantities that are none
SELECT refused($$SELECT inv_receive('A', 0)$$);
SELECT refused($$SELECT inv_receive('A', -1)$$);
SELECT refused($$SELECT inv_receive('A', 9007199254740992)$$);
SELECT refused($$SELECT inv_receive('A', 9223372036854775807)$$);
SELECT refused($$SELECT inv_receive('A', -9223372036854775808)$$);
SELECT refused($$SELECT inv_receive('A', 9223372036854775808)$$);
SELECT refused($$SELECT inv_receive('A', 'many')$$);
SELECT refused($$SELECT inv_receive('A', NULL)$$);
SELECT refused($$SELECT inv_receive(NULL, 1)$$);
SELECT refused($$SELECT inv_receive(NULL, NULL)$$);
-- what is not there
SELECT refused($$SELECT inv_receive('Z', 1)$$);
SELECT refused($$SELECT inv_receive('a', 1)$$);
SELECT refused($$SELECT inv_receive('A ', 1)$$);
SELECT refused($$SELECT inv_receive('', 1)$$);
SELECT refused($$SELECT inv_receive('A', 1, 'Main')$$);
SELECT refused($$SELECT inv_receive('A', 1, 'shop ')$$);
SELECT refused($$SELECT inv_receive('A', 1, '')$$);
-- over-long words: the refusal names the argument, not its whole text
SELECT left(refused(format('SELECT inv_receive(%L, 1)', repeat('x', 129))), 200);
SELECT left(refused(format('SELECT inv_receive(%L, 1)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_receive(''A'', 1, %L)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_receive(''A'', 1, NULL, %L)', repeat('x', 100000))), 200);
SELECT left(refused(format('SELECT inv_receive(''A'', 1, NULL, NULL, %L)', repeat('x', 100000))), 200);
\pset tuples_only off
\pset format aligned
SELECT state() = :'before' AS nothing_changed;

-- the default location is a setting; only main is ever made by a call
SET inventory.default_location = 'shop';
SELECT :outcome FROM inv_receive('A', 1);
SET inventory.default_location = 'shpo';
\pset format unaligned
\pset tuples_only on
SELECT refused($$SELECT inv_receive('A', 1)$$);
\pset tuples_only off
\pset format aligned
RESET inventory.default_location;
SELECT location FROM inv_location ORDER BY location;

-- goods still arrive for an item that is not sold any more
UPDATE inv_item SET active = false WHERE sku = 'A';
SELECT :outcome FROM inv_receive('A', 2);
SELECT :outcome FROM inv_receive('A', 2, 'shop');

-- an inactive item's very first receipt
INSERT INTO inv_item (sku, name, active) VALUES ('OLD', 'Old', false);
SELECT :outcome FROM inv_receive('OLD', 2);

SELECT * FROM inv_verify();

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA receive CASCADE;
