\set sku random(100001, 100000 + :skus)
\set xid random(1, 9000000000000000)
SELECT * FROM inv_try(:xid, ARRAY[CAST(:sku AS text)], ARRAY[1]);
SELECT * FROM inv_confirm(:xid);
