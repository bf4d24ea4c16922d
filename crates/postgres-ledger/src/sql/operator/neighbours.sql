-- neighbours: where the sales of the timetable end and begin that are next to one of them.
--
-- $1 starts_at   timestamptz

SELECT
    (
        SELECT ends_at FROM sales
        WHERE on_timetable AND starts_at < $1::timestamptz
        ORDER BY starts_at DESC
        LIMIT 1
    ) AS last_end,
    (
        SELECT starts_at FROM sales
        WHERE on_timetable AND starts_at > $1::timestamptz
        ORDER BY starts_at
        LIMIT 1
    ) AS next_start
