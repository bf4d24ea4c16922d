-- windows_apart: sales of the timetable that start before an earlier one is over.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

WITH timetable AS (
    SELECT
        id,
        starts_at,
        max(ends_at) OVER (
            ORDER BY starts_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS taken_until
    FROM sales
    WHERE on_timetable
)
SELECT
    count(*) OVER () AS breaches,
    format('sale %s: starts at %s, but until %s there is another', id, starts_at, taken_until)
        AS found
FROM timetable
WHERE starts_at < taken_until AND ($1::bigint IS NULL OR id = $1::bigint)
ORDER BY id
LIMIT $2::bigint
