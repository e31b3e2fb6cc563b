\set first random(1, :skus)
SELECT count(*) FROM inv_deduct_many(
	ARRAY(SELECT 'SKU-' || (:first + 7919::bigint * g) % :skus FROM generate_series(1, :lines) g),
	ARRAY(SELECT 1 FROM generate_series(1, :lines)));
