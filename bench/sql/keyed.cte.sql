-- A second call with the key is an error here, and finding the answer that the
-- first one left is the client's work.
\set sku random(100001, 100000 + :skus)
\set key random(1, 9000000000000000)
WITH changed AS (
    UPDATE hand_stock
    SET on_hand = on_hand - 1, version = version + 1
    WHERE sku = :sku AND location = 'main' AND active
      AND on_hand - reserved - 1 >= safety_stock - backorder_limit
    RETURNING stock_id, sku, location, on_hand, reserved, version,
              on_hand - reserved - safety_stock + backorder_limit AS available
), moved AS (
    INSERT INTO hand_movement (movement_id, stock_id, sku, location, kind,
                               on_hand_delta, reserved_delta, version, key,
                               actor, application_name, txid, occurred_at,
                               recorded_at)
    SELECT nextval('hand_movement_id_seq'), stock_id, sku, location, 'deduct',
           -1, 0, version, :key, session_user,
           current_setting('application_name'), pg_current_xact_id(),
           clock_timestamp(), clock_timestamp()
    FROM changed
    RETURNING movement_id, key
)
INSERT INTO hand_request (key, function, digest, outcomes, created_at)
SELECT key, 'deduct', sha256(convert_to(sku || ' 1', 'UTF8')),
       ARRAY[ROW(1, 'ok', sku, location, 1, on_hand, reserved, available, 0,
                 version, movement_id, false)::hand_outcome],
       clock_timestamp()
FROM changed, moved;
