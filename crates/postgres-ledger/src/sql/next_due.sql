-- next_due: when the next hold of a sale is due.
--
-- $1 sale_id   bigint
-- $2 firsts    integer[]   ranges of units: all but those that are known to be sold
-- $3 lasts     integer[]
--
-- due_in_ms: in how many milliseconds; negative if it was due before, null if nothing is on hold.

SELECT (extract(epoch FROM min(held.due_at) - clock_timestamp()) * 1000)::bigint AS due_in_ms
FROM unnest($2::integer[], $3::integer[]) AS unsold (first, last)
CROSS JOIN LATERAL (
    SELECT min(attempt.expires_at) AS due_at
    FROM (
        -- In this order, so that the index of the units is the one to go by.
        SELECT expires_at
        FROM checkout_attempts
        WHERE
            sale_id = $1::bigint AND live AND unit BETWEEN unsold.first AND unsold.last
            AND state = 'held'
        ORDER BY unit
        OFFSET 0
    ) AS attempt
) AS held
