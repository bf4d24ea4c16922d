-- open_sales: the sales that are not closed, how long a hold of each lasts, and their epochs.

SELECT id, hold_ms, epoch FROM sales WHERE closed_at IS NULL ORDER BY starts_at, id
