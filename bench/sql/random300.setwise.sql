\set n random(1, 1000)
SELECT r.line, r.status
FROM bench_order o, hand_deduct_many(o.skus, o.quantities) r
WHERE o.size = 300 AND o.n = :n;
