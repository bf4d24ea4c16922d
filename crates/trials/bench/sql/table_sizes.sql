-- table_sizes: bytes of each table and of its indexes, the largest first.

SELECT relname, pg_table_size(oid), pg_indexes_size(oid)
FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
ORDER BY pg_total_relation_size(oid) DESC, relname
