\set n random(1, 300)
SELECT r.line, r.status
FROM bench_order o, inv_deduct_each(o.skus, o.quantities) r
WHERE o.size = 1000 AND o.n = :n;
