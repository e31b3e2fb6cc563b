\set s0 random(100001, 101000)
\set s1 random(101001, 102000)
\set s2 random(102001, 103000)
\set s3 random(103001, 104000)
\set s4 random(104001, 105000)
\set s5 random(105001, 106000)
\set s6 random(106001, 107000)
\set s7 random(107001, 108000)
\set s8 random(108001, 109000)
\set s9 random(109001, 110000)
SELECT * FROM hand_deduct_many(
    ARRAY[CAST(:s3 AS text), CAST(:s7 AS text), CAST(:s0 AS text),
          CAST(:s9 AS text), CAST(:s5 AS text), CAST(:s1 AS text),
          CAST(:s8 AS text), CAST(:s2 AS text), CAST(:s6 AS text),
          CAST(:s4 AS text)],
    ARRAY[1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
