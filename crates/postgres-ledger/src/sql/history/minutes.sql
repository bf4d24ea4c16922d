-- read_minutes: how a sale went, the last minute first. What processes counted within a minute is from
-- seconds apart.
--
-- $1 sale_id   bigint
-- $2 from      timestamptz
-- $3 limit     bigint

SELECT
    minute, max(sold)::bigint AS sold, max(held)::bigint AS held, sum(checkouts)::bigint AS checkouts,
    sum(refused)::bigint AS refused
FROM sale_minutes
WHERE sale_id = $1::bigint AND minute >= $2::timestamptz
GROUP BY minute
ORDER BY minute DESC
LIMIT $3::bigint
