-- page_sales: the newest sales below a number.
--
-- ?1 before   ?2 limit

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, state,
    salt, product_id
FROM sales
WHERE id < ?1
ORDER BY id DESC
LIMIT ?2
