-- calendar: the sales that are not closed, and those closed of late.
--
-- $1 just_closed_ms   bigint   how long a closed sale is listed

SELECT id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable,
    state::text AS state
FROM sales
WHERE
    closed_at IS NULL
    OR closed_at > clock_timestamp() - $1::bigint * interval '1 millisecond'
ORDER BY starts_at, id
