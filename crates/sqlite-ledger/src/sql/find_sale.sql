-- find_sale: the sale of a number.
--
-- ?1 sale_id

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, state,
    salt, product_id
FROM sales
WHERE id = ?1
