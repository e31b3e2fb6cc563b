\set sku random(100001, 100000 + :skus)
SELECT hand_deduct(:sku, 1);
