-- Two prepared statements: the rows are locked in order and read, the client
-- sees whether they suffice, then they are written. A client's check costs
-- nothing here.
\set s0 random(100001, 101000)
\set s1 random(101001, 102000)
\set s2 random(102001, 103000)
\set s3 random(103001, 104000)
\set s4 random(104001, 105000)
\set s5 random(105001, 106000)
\set s6 random(106001, 107000)
\set s7 random(107001, 108000)
\set s8 random(108001, 109000)
\set s9 random(109001, 110000)
BEGIN;
SELECT s.sku, s.active,
       s.on_hand - s.reserved - s.safety_stock + s.backorder_limit AS available
FROM hand_stock s
WHERE s.sku = ANY (ARRAY[CAST(:s3 AS text), CAST(:s7 AS text), CAST(:s0 AS text),
                   CAST(:s9 AS text), CAST(:s5 AS text), CAST(:s1 AS text),
                   CAST(:s8 AS text), CAST(:s2 AS text), CAST(:s6 AS text),
                   CAST(:s4 AS text)])
  AND s.location = 'main'
ORDER BY s.sku, s.location FOR NO KEY UPDATE;
WITH changed AS (
    UPDATE hand_stock s
    SET on_hand = s.on_hand - d.quantity, version = s.version + 1
    FROM (SELECT u.sku, sum(u.quantity)::bigint AS quantity
          FROM unnest(ARRAY[CAST(:s3 AS text), CAST(:s7 AS text), CAST(:s0 AS text),
                        CAST(:s9 AS text), CAST(:s5 AS text), CAST(:s1 AS text),
                        CAST(:s8 AS text), CAST(:s2 AS text), CAST(:s6 AS text),
                        CAST(:s4 AS text)],
                      ARRAY[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]) u (sku, quantity)
          GROUP BY u.sku) d
    WHERE s.sku = d.sku AND s.location = 'main'
    RETURNING s.stock_id, s.sku, s.version, d.quantity
)
INSERT INTO hand_movement (movement_id, stock_id, sku, location, kind,
                           on_hand_delta, reserved_delta, version, actor,
                           application_name, txid, occurred_at, recorded_at)
SELECT nextval('hand_movement_id_seq'), c.stock_id, c.sku, 'main', 'deduct',
       -c.quantity, 0, c.version, session_user,
       current_setting('application_name'), pg_current_xact_id(),
       clock_timestamp(), clock_timestamp()
FROM changed c;
COMMIT;
