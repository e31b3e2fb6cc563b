--
-- Following the ledger by a cursor, and the state of slots, as SQL sees them.
-- t/051 has the slots themselves, t/052 transactions, standbys and dumps.
--
CREATE SCHEMA stream;
CREATE EXTENSION inventory SCHEMA stream;
SET search_path = stream;
\getenv srcdir PG_ABS_SRCDIR
\set helpers :srcdir '/sql/include/helpers.psql'
\set ECHO none
\i :helpers
\set ECHO all

SHOW inventory.stream_heartbeat;
SELECT refused($$SET inventory.stream_heartbeat = '1s'$$);
SELECT count(*) AS slots FROM inv_stream_status();

-- an empty ledger: a cursor, and that is all; it is the end, too
SELECT count(*), count(cursor), count(movement_id) FROM inv_changes_since(NULL);
SELECT cursor AS start FROM inv_changes_since(NULL) \gset
SELECT inv_changes_end() AS the_end \gset

INSERT INTO inv_item (sku) VALUES ('A'), ('ä "b"');
SELECT on_hand FROM inv_receive('A', 10, reference => 'R1', reason => 'first');
SELECT on_hand FROM inv_receive('ä "b"', 5);
SELECT on_hand FROM inv_deduct('A', 3, key => 'k');
SELECT on_hand FROM inv_return('k');
SELECT state FROM inv_try('x', '{A}', '{1}');
-- settled - all that is settled when nobody else is under way any more, be it
-- a vacuum of another database
CREATE FUNCTION settled(cursor text, max_rows integer, wanted integer) RETURNS SETOF inv_change
LANGUAGE plpgsql AS $$
DECLARE
  next text := cursor;
  change inv_change;
BEGIN
  FOR turn IN 1 .. 100000 LOOP
    FOR change IN SELECT * FROM inv_changes_since(next, max_rows) LOOP
      next := change.cursor;
      IF change.movement_id IS NOT NULL THEN
        RETURN NEXT change;
        wanted := wanted - 1;
      END IF;
    END LOOP;
    EXIT WHEN wanted <= 0;
  END LOOP;
END $$;
\set change 'movement_id, sku, location, kind, on_hand_delta, reserved_delta, version, reference, reason, hold, key, original_id'
SELECT :change FROM settled(NULL, 1000, 5);
SELECT :change FROM settled(:'start', 1, 5);
SELECT :change FROM settled(:'the_end', 3, 5);
SELECT count(*) AS differ FROM settled(NULL, 2, 5) s FULL JOIN inv_movement m USING (movement_id)
  WHERE (s.stock_id, s.txid, s.recorded_at, s.occurred_at, s.actor, s.application_name)
    IS DISTINCT FROM (m.stock_id, m.txid, m.recorded_at, m.occurred_at, m.actor, m.application_name);
-- the columns are those of the ledger
SELECT attname FROM pg_attribute WHERE attrelid = 'inv_movement'::regclass AND attnum > 0
  EXCEPT SELECT attname FROM pg_attribute WHERE attrelid = 'inv_change'::regclass;

\pset format unaligned
\pset tuples_only on
SELECT refused(format('SELECT inv_changes_since(%s)', a)) FROM unnest('{NULL\, NULL,NULL\, 0,NULL\, 100001,''now'',''''}'::text[]) a;
SELECT refused('SELECT inv_stream_create(NULL)');
SELECT refused(format('SELECT inv_stream_create(%L)', repeat('x', 64)));

-- readers follow; a stream is begun by admins whom the server lets
CREATE ROLE regress_inv_stranger;
CREATE ROLE regress_inv_reader;
CREATE ROLE regress_inv_clerk;
GRANT EXECUTE ON FUNCTION refused TO PUBLIC;
GRANT USAGE ON SCHEMA stream TO regress_inv_stranger;
SELECT inv_grant('regress_inv_reader', 'reader'), inv_grant('regress_inv_clerk', 'clerk');
SET ROLE regress_inv_stranger;
SELECT refused('SELECT inv_changes_since(NULL)');
SELECT refused('SELECT inv_changes_end()');
SELECT refused('SELECT inv_stream_status()');
SELECT refused('SELECT inv_stream_create(''s'')');
SET ROLE regress_inv_reader;
SELECT count(*) > 0 FROM inv_changes_since(NULL);
SELECT count(*) FROM inv_stream_status();
SELECT inv_changes_end() IS NOT NULL;
SET ROLE regress_inv_clerk;
SELECT refused('SELECT inv_stream_create(''s'')');
RESET ROLE;
-- a member of PUBLIC gets no right by a type, either
SELECT t.typname FROM pg_type t, aclexplode(coalesce(t.typacl, acldefault('T', t.typowner))) a
  WHERE t.typname IN ('inv_change', 'inv_stream', 'inv_stream_state') AND a.grantee = 0
    AND t.typnamespace = 'stream'::regnamespace;

SET client_min_messages = warning;
DROP EXTENSION inventory CASCADE;
DROP SCHEMA stream CASCADE;
DROP ROLE regress_inv_stranger, regress_inv_reader, regress_inv_clerk;
