-- calendar: the sales that are not closed, and those closed of late.
--
-- $1 just_closed_ms   bigint   how long a closed sale is listed
--
-- Two halves, for each has an index of its own, and an OR of both would read every sale there was.
-- The moment is asked for once: an index cannot be searched for one that differs from row to row.

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state
FROM sales
WHERE closed_at IS NULL
UNION ALL
SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state
FROM sales
WHERE closed_at > (SELECT clock_timestamp() - $1::bigint * interval '1 millisecond')
ORDER BY starts_at, id
