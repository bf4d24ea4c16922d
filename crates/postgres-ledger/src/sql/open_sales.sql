-- open_sales: the sales that are not closed, and how long a hold of each lasts.

SELECT id, hold_ms FROM sales WHERE closed_at IS NULL ORDER BY starts_at, id
