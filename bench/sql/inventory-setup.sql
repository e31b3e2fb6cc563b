-- The extension with the same stock as bench/sql/hand-setup.sql.
CREATE EXTENSION inventory;
INSERT INTO inv_item (sku, name)
SELECT (100000 + n)::text, 'Item ' || n
FROM pg_catalog.generate_series(1, 10000) n;
SELECT count(*)
FROM (SELECT sku FROM inv_item ORDER BY sku) i,
     inv_receive(i.sku, 1000000000000);
