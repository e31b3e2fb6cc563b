\set sku random(100001, 100000 + :skus)
\set key random(1, 9000000000000000)
SELECT * FROM inv_deduct(:sku, 1, key => :key);
