\set n random(1, 300)
\set key random(1, 9000000000000000)
SELECT r.line, r.status
FROM bench_order o, hand_deduct_each_keyed(o.skus, o.quantities,
    ARRAY(SELECT CAST(:key AS text) || '-' || i
          FROM generate_series(1, 1000) i)) r
WHERE o.size = 1000 AND o.n = :n;
