-- fill_timetable: makes the sales that are missing, from the current slot on.
--
-- $1 period_ms        bigint     length of a slot, counted from midnight UTC
-- $2 lead_ms          bigint     how far ahead sales are made
-- $3 stock            integer
-- $4 per_user_limit   smallint
-- $5 hold_ms          bigint
--
-- Returns the sales made. A slot that overlaps a sale keeps what it has.

WITH present AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS ms
),
slot AS (
    SELECT
        to_timestamp(number * $1::bigint / 1000.0) AS starts_at,
        to_timestamp((number + 1) * $1::bigint / 1000.0) AS ends_at
    FROM present,
        generate_series(present.ms / $1::bigint, (present.ms + $2::bigint) / $1::bigint) AS number
)
INSERT INTO sales (starts_at, ends_at, stock, per_user_limit, hold_ms)
SELECT slot.starts_at, slot.ends_at, $3::integer, $4::smallint, $5::bigint
FROM slot
-- Asked first, because each refused insert would use up a number.
WHERE NOT EXISTS (
    SELECT FROM sales AS sale
    WHERE
        tstzrange(sale.starts_at, sale.ends_at) && tstzrange(slot.starts_at, slot.ends_at)
)
ORDER BY slot.starts_at
ON CONFLICT DO NOTHING
RETURNING id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, state::text AS state
