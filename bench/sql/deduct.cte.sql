-- No row answered: not enough. 241,400 instructions per call; straight into
-- the leaf 239,400, but that breaks when the leaf is full; answering what is
-- left instead of the id, from a CTE beside the INSERT's, 241,700.
\set sku random(100001, 100000 + :skus)
WITH changed AS (
    UPDATE hand_stock
    SET on_hand = on_hand - 1, version = version + 1
    WHERE sku = :sku AND location = 'main' AND active
      AND on_hand - reserved - 1 >= safety_stock - backorder_limit
    RETURNING stock_id, sku, location, version
)
INSERT INTO hand_movement (movement_id, stock_id, sku, location, kind,
                           on_hand_delta, reserved_delta, version, actor,
                           application_name, txid, occurred_at, recorded_at)
SELECT nextval('hand_movement_id_seq'), stock_id, sku, location, 'deduct',
       -1, 0, version, session_user, current_setting('application_name'),
       pg_current_xact_id(), clock_timestamp(), clock_timestamp()
FROM changed
RETURNING movement_id;
