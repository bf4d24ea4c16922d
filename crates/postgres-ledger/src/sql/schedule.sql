-- schedule: makes one sale, unless it is one of the timetable and overlaps another of those, or its
-- product is not to be sold.
--
-- $1 starts_at        timestamptz
-- $2 ends_at          timestamptz
-- $3 stock            integer
-- $4 per_user_limit   smallint
-- $5 hold_ms          bigint
-- $6 on_timetable     boolean
-- $7 product_id       bigint   or null
--
-- Returns the sale, or nothing.

INSERT INTO sales (starts_at, ends_at, stock, per_user_limit, hold_ms, on_timetable, product_id)
SELECT
    $1::timestamptz, $2::timestamptz, $3::integer, $4::smallint, $5::bigint, $6::boolean, $7::bigint
-- Asked first, because each refused insert would use up a number.
WHERE
    (
        NOT $6::boolean OR NOT EXISTS (
            SELECT FROM sales AS sale
            WHERE
                sale.on_timetable
                AND tstzrange(sale.starts_at, sale.ends_at)
                && tstzrange($1::timestamptz, $2::timestamptz)
        )
    )
    AND (
        $7::bigint IS NULL OR EXISTS (
            SELECT FROM products WHERE id = $7::bigint AND archived_at IS NULL
        )
    )
ON CONFLICT DO NOTHING
RETURNING id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state
