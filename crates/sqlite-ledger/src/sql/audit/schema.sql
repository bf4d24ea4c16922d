-- schema: everything the tables are made of, as it was written.

SELECT type, name, tbl_name, sql
FROM sqlite_schema
WHERE sql IS NOT NULL AND tbl_name IN ('sales', 'checkout_attempts', 'purchases', 'codes')
ORDER BY type, name
