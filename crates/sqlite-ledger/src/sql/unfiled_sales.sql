-- unfiled_sales: the sales that are closed, but whose codes are not all filed.

SELECT id FROM sales WHERE NOT filed AND closed_at IS NOT NULL ORDER BY id
