\set sku random(100001, 100000 + :skus)
SELECT 1;
