-- find_sales: the sales of these numbers.
--
-- $1 sale_ids   bigint[]

SELECT
    id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state,
    clock_timestamp() AS now
FROM sales
WHERE id = ANY ($1::bigint[])
