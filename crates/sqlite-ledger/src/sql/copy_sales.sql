-- copy_sales: every sale, in the order of their numbers.

SELECT
    id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit,
    on_timetable, state, salt, product_id, sold
FROM sales
ORDER BY id
