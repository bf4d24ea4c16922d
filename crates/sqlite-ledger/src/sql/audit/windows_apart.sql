-- windows_apart: sales of the timetable that start before an earlier one is over.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH timetable AS (
    SELECT
        id,
        starts_at,
        max(ends_at) OVER (
            ORDER BY starts_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS taken_until
    FROM sales NOT INDEXED
    WHERE on_timetable
)
SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: starts at %s, but until %s there is another', id,
        strftime('%Y-%m-%dT%H:%M:%fZ', starts_at / 1000.0, 'unixepoch'),
        strftime('%Y-%m-%dT%H:%M:%fZ', taken_until / 1000.0, 'unixepoch')
    ) AS found
FROM timetable
WHERE starts_at < taken_until AND (?1 IS NULL OR id = ?1)
ORDER BY id
LIMIT ?2
