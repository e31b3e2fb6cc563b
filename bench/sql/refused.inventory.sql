\set sku random(100001, 100000 + :skus)
SELECT * FROM inv_deduct(:sku, 2000000000000, strict => false);
