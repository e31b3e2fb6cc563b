-- Two prepared statements: the rows are locked in order and read, the client
-- sees whether they suffice, then they are written. A client's check costs
-- nothing here.
\set n random(1, 1000)
BEGIN;
SELECT s.sku, s.active,
       s.on_hand - s.reserved - s.safety_stock + s.backorder_limit AS available
FROM hand_stock s
WHERE s.sku = ANY ((SELECT o.skus FROM bench_order o
                     WHERE o.size = 300 AND o.n = :n)::text[])
  AND s.location = 'main'
ORDER BY s.sku, s.location FOR NO KEY UPDATE;
WITH changed AS (
    UPDATE hand_stock s
    SET on_hand = s.on_hand - d.quantity, version = s.version + 1
    FROM (SELECT u.sku, sum(u.quantity)::bigint AS quantity
          FROM bench_order o, unnest(o.skus, o.quantities) u (sku, quantity)
          WHERE o.size = 300 AND o.n = :n
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
