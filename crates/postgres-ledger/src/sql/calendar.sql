-- calendar: the sales that are not closed, and those closed of late, and the time.
--
-- $1 just_closed_ms   bigint   how long a closed sale is listed
--
-- Two halves, for each has an index of its own, and an OR of both would read every sale there was.
-- The moment is asked for once: an index cannot be searched for one that differs from row to row.
-- Where there is no sale, one row says what time it is.

SELECT
    moment.now, sale.id IS NOT NULL AS is_listed,
    sale.id, sale.starts_at, sale.ends_at, sale.hold_ms, sale.epoch, sale.stock, sale.per_user_limit,
    sale.on_timetable, sale.salt, sale.product_id, sale.state
FROM (SELECT clock_timestamp() AS now OFFSET 0) AS moment
LEFT JOIN (
    SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt,
        product_id, state::text AS state
    FROM sales
    WHERE closed_at IS NULL
    UNION ALL
    SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt,
        product_id, state::text AS state
    FROM sales
    WHERE closed_at > (SELECT clock_timestamp() - $1::bigint * interval '1 millisecond')
) AS sale ON TRUE
ORDER BY sale.starts_at, sale.id
