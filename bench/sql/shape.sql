/*
 * The shape of :prefix_stock, :prefix_movement and :prefix_hold without the
 * prefix, one fact a line, for bench/run to compare. Foreign keys, checks and triggers of
 * the stock table are left out on purpose: see hand-setup.sql.
 */
\pset format unaligned
\pset tuples_only on

SELECT replace(c.relname, :'prefix' || '_', ''), a.attnum, a.attname,
       format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation,
       a.attnotnull, a.attstorage
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relname IN (:'prefix' || '_stock', :'prefix' || '_movement',
                    :'prefix' || '_hold', :'prefix' || '_hold_line')
  AND c.relkind <> 'i'
  AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum;

-- every ordinary table, with the leaves of the ledger
SELECT replace(c.relname, :'prefix' || '_', ''), c.reloptions,
       pg_get_expr(c.relpartbound, c.oid)
FROM pg_class c
WHERE c.relname IN (:'prefix' || '_stock', :'prefix' || '_hold',
                    :'prefix' || '_hold_line')
   OR c.relname ~ ('^' || :'prefix' || '_movement') AND c.relkind = 'r'
ORDER BY c.relname;

SELECT regexp_replace(
           replace(pg_get_indexdef(i.indexrelid), :'prefix' || '_', ''),
           'INDEX \S+ ON', 'INDEX ON') AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
WHERE c.relname IN (:'prefix' || '_stock', :'prefix' || '_hold',
                    :'prefix' || '_hold_line')
   OR c.relname ~ ('^' || :'prefix' || '_movement')
ORDER BY definition;

SELECT seqcache FROM pg_sequence
WHERE seqrelid = (:'prefix' || '_movement_id_seq')::regclass;
