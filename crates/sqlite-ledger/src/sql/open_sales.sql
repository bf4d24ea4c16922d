-- open_sales: the sales that are not closed, by their start.

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, state,
    salt, product_id
FROM sales
WHERE closed_at IS NULL
ORDER BY starts_at, id
