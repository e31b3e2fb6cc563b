\set n random(1, 10000)
SELECT r.line, r.status
FROM bench_order o, hand_deduct_many(o.skus, o.quantities) r
WHERE o.size = 10 AND o.n = :n;
