-- page_sales: the newest sales below a number.
--
-- $1 before   bigint   or null for no bound
-- $2 limit    bigint

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state
FROM sales
WHERE $1::bigint IS NULL OR id < $1::bigint
ORDER BY id DESC
LIMIT $2::bigint
