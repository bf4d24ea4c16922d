-- table_sizes: bytes of each table and of its indexes, the largest first.

SELECT
    schema.tbl_name,
    sum(stat.pgsize) FILTER (WHERE schema.type = 'table') AS table_bytes,
    coalesce(sum(stat.pgsize) FILTER (WHERE schema.type = 'index'), 0) AS index_bytes
FROM dbstat AS stat
JOIN sqlite_schema AS schema ON schema.name = stat.name
GROUP BY schema.tbl_name
ORDER BY sum(stat.pgsize) DESC, schema.tbl_name
