/*
 * Orders for the workloads of many lines, the same on both sides, so that no
 * contestant pays for making one: a script picks one by its size and number.
 * Every line asks for one unit.  A hash is the dice, so that they are the
 * same in every run and on either side.
 */
CREATE TABLE bench_order (
    size       integer,
    n          integer,
    skus       text[],
    quantities bigint[],
    PRIMARY KEY (size, n)
);
-- long ones lie outside the row: reading them is not to unpack them
ALTER TABLE bench_order ALTER skus SET STORAGE EXTERNAL,
                        ALTER quantities SET STORAGE EXTERNAL;

CREATE FUNCTION bench_dice(a bigint, b bigint, sides bigint) RETURNS bigint
RETURN mod(hashint8extended(a, b) & 9223372036854775807, sides);

/*
 * 10 lines, one of each tenth of the SKUs, in any order: so the scripts that
 * make ten calls can draw SKUs of their own which are as random, and sorted.
 */
INSERT INTO bench_order
SELECT 10, n, array_agg(sku ORDER BY bench_dice(n, 100 + i, 1000000)),
       array_agg(1)
FROM pg_catalog.generate_series(1, 10000) n,
     pg_catalog.generate_series(0, 9) i,
     CAST(100001 + i * 1000 + bench_dice(n, i, 1000) AS text) sku
GROUP BY n;

-- 300 lines, each of another SKU: 330 throws have more than 300 in them
INSERT INTO bench_order
SELECT 300, n, (array_agg(sku ORDER BY bench_dice(n, sku, 1000000)))[:300],
       array_fill(1, ARRAY[300])
FROM (SELECT DISTINCT n, 100001 + bench_dice(n, 1000 + i, 10000) AS sku
      FROM pg_catalog.generate_series(1, 1000) n,
           pg_catalog.generate_series(1, 330) i) AS thrown
GROUP BY n;

-- 1,000 lines, some of them of the same SKU
INSERT INTO bench_order
SELECT 1000, n, array_agg(100001 + bench_dice(n, 10000 + i, 10000)
                          ORDER BY i), array_fill(1, ARRAY[1000])
FROM pg_catalog.generate_series(1, 300) n,
     pg_catalog.generate_series(1, 1000) i
GROUP BY n;

DROP FUNCTION bench_dice;
