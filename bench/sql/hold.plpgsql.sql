\set sku random(100001, 100000 + :skus)
\set xid random(1, 9000000000000000)
SELECT hand_try(:xid, :sku, 1);
SELECT hand_confirm(:xid);
