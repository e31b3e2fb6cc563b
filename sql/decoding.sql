--
-- the output plugin: what was committed, as lines of JSON
--
CREATE EXTENSION inventory;
CREATE SCHEMA decoding;
SET search_path = decoding, public;
\pset format unaligned
\pset tuples_only on
SELECT slot_name FROM pg_create_logical_replication_slot('stream', 'inventory');

-- lines without what differs from run to run
CREATE FUNCTION lines(VARIADIC options text[] DEFAULT '{}') RETURNS SETOF text
LANGUAGE sql AS $$
  SELECT jsonb_strip_nulls(data::jsonb - '{lsn,xid,time,txid,occurred_at,recorded_at,actor,application_name}'::text[])::text
    FROM pg_logical_slot_get_changes('stream', NULL, NULL, VARIADIC options)
$$;

-- an item alone is nobody's news; a stock row is told once for each transaction
INSERT INTO inv_item (sku, backorder_limit) VALUES ('A', 0), ('B', 5), ('quote"d', 0);
BEGIN;
SELECT status FROM inv_receive('A', 10);
SELECT status FROM inv_receive('B', 20);
SELECT status FROM inv_deduct('A', 1);
SELECT status FROM inv_receive('quote"d', 1);
COMMIT;
SELECT lines('emit', 'stock');

-- the members of a line are in order, nothing is between them
SELECT status FROM inv_deduct('A', 1);
SELECT regexp_replace(data, '"lsn":"[^"]*"', '"lsn":"?"')
  FROM pg_logical_slot_get_changes('stream', NULL, NULL);

-- what was rolled back never shows, nor does a savepoint
BEGIN;
SELECT status FROM inv_deduct('A', 1);
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT status FROM inv_deduct('A', 3);
ROLLBACK TO s;
SELECT status FROM inv_deduct('B', 2);
COMMIT;
SELECT lines();

-- movements, with whatever they have
SELECT status FROM inv_deduct('A', 1, reference => 'order 1', reason => 'web', key => 'k1');
SELECT state FROM inv_try('x1', '{B}', '{3}');
SELECT lines('emit', 'movements');
INSERT INTO inv_location (location) VALUES ('north');
SELECT status FROM inv_transfer('A', 2, 'main', 'north');
SELECT lines('emit', 'both', 'commits', 'on');

-- the key is what the template says
SELECT status FROM inv_deduct('A', 1, location => 'north');
SELECT lines('key', 'shop:{location}:{sku}:{stock_id}');

-- filters
SELECT status FROM inv_deduct_many('{A,B}', '{1,1}');
SELECT lines('skus', 'B');
SELECT status FROM inv_deduct_many('{A,B}', '{1,1}');
SELECT lines('skus', '"A", quo*');
SELECT status FROM inv_deduct('A', 1, location => 'north');
SELECT lines('locations', 'main', 'emit', 'both');

-- lsn and seq count the lines of a transaction; xid and time where asked for
SELECT status FROM inv_deduct_many('{A,B}', '{1,1}');
SELECT data::jsonb->>'kind' AS kind, data::jsonb->'seq' AS seq,
       (data::jsonb->>'lsn')::pg_lsn > '0/0' AS has_lsn,
       (data::jsonb->>'xid')::xid = xid AS has_xid,
       (data::jsonb->>'time')::timestamptz <= clock_timestamp() AS has_time,
       count(*) OVER (PARTITION BY data::jsonb->>'lsn') AS of_lsn
  FROM pg_logical_slot_get_changes('stream', NULL, NULL, 'emit', 'both',
       'commits', 'on', 'include', 'lsn, xid, time');
SELECT status FROM inv_deduct('A', 1);
SELECT data::jsonb ?| '{lsn,seq,xid,time}' AS has_any
  FROM pg_logical_slot_get_changes('stream', NULL, NULL, 'include', '');

-- limits change what is available
UPDATE inv_item SET safety_stock = 1 WHERE sku = 'B';
SELECT lines();

-- prepared transactions show when they are committed
BEGIN;
SELECT status FROM inv_deduct('B', 1);
PREPARE TRANSACTION 'p1';
SELECT lines();
COMMIT PREPARED 'p1';
SELECT lines();

-- a sign of life; messages of others are none
SELECT pg_logical_emit_message(false, 'inventory', 'heartbeat') > '0/0';
SELECT pg_logical_emit_message(false, 'inventory', 'heartbeats') > '0/0';
SELECT pg_logical_emit_message(false, 'other', 'heartbeat') > '0/0';
SELECT pg_logical_emit_message(true, 'inventory', 'heartbeat') > '0/0';
SELECT lines();

-- tables of others, also of these names
CREATE SCHEMA other;
CREATE TABLE other.inv_stock (LIKE inv_stock);
INSERT INTO other.inv_stock SELECT * FROM inv_stock;
CREATE TABLE other.inv_movement (LIKE inv_movement) PARTITION BY RANGE (movement_id);
CREATE TABLE other.leaf PARTITION OF other.inv_movement DEFAULT;
INSERT INTO other.inv_movement SELECT * FROM inv_movement;
SELECT lines('emit', 'both');
DROP SCHEMA other CASCADE;

-- options that there are not
SELECT lines('emit', 'everything');
SELECT lines('emitt', 'stock');
SELECT lines('key', 'stock');
SELECT lines('key', '{sku');
SELECT lines('key', '{item}');
SELECT lines('skus', '');
SELECT lines('skus', 'A,,B');
SELECT lines('skus', '"A');
SELECT lines('include', 'lsn,wal');
SELECT lines('commits', 'maybe');
SELECT lines('format', '2');

-- dropped and made again
DROP EXTENSION inventory CASCADE;
CREATE EXTENSION inventory;
INSERT INTO inv_item (sku) VALUES ('C');
SELECT status FROM inv_receive('C', 4);
SELECT lines('emit', 'both');

-- a stock row that was made for nothing
INSERT INTO inv_item (sku) VALUES ('D');
SELECT status FROM inv_deduct('D', 4, strict => false);
SELECT lines();

-- a name that changes, and a row that goes, are heard under the old name
ALTER TABLE inv_stock DISABLE TRIGGER ALL;
UPDATE inv_stock SET sku = 'E' WHERE sku = 'C';
SELECT lines();
DELETE FROM inv_stock;
SELECT lines();
ALTER TABLE inv_stock ENABLE TRIGGER ALL;

-- TRUNCATE is refused; who does it nevertheless is heard
ALTER TABLE inv_stock DISABLE TRIGGER ALL;
TRUNCATE inv_stock;
ALTER TABLE inv_stock ENABLE TRIGGER ALL;
SELECT lines();

SELECT pg_drop_replication_slot('stream');
SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA decoding CASCADE;
