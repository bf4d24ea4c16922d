-- expire_overdue: ends holds of a sale that have been due for a while without anybody asking.
--
-- $1 sale_id      bigint
-- $2 firsts       integer[]   ranges of units: all but those that are known to be sold
-- $3 lasts        integer[]
-- $4 overdue_ms   bigint
-- $5 limit        bigint
--
-- Returns the codes.

WITH overdue AS MATERIALIZED (
    SELECT held.code
    FROM unnest($2::integer[], $3::integer[]) AS unsold (first, last)
    -- In this order, so that the index of the units is the one to go by. Nobody is waited for, so
    -- for the locks it is all the same.
    CROSS JOIN LATERAL (
        SELECT code
        FROM checkout_attempts
        WHERE
            sale_id = $1::bigint AND live AND unit BETWEEN unsold.first AND unsold.last
            AND state = 'held'
            AND expires_at < clock_timestamp() - $4::bigint * interval '1 millisecond'
        ORDER BY unit
        LIMIT $5::bigint
        FOR UPDATE SKIP LOCKED
    ) AS held
    LIMIT $5::bigint
)
UPDATE checkout_attempts AS attempt
SET state = 'expired', resolved_at = clock_timestamp()
FROM overdue
WHERE attempt.code = overdue.code AND attempt.state = 'held'
RETURNING attempt.code
