-- expire_overdue: ends holds that have been due for a while without anybody asking.
--
-- $1 overdue_ms   bigint
-- $2 limit        bigint
--
-- Returns the codes.

WITH overdue AS MATERIALIZED (
    SELECT attempt.code
    FROM sales AS sale
    JOIN checkout_attempts AS attempt ON attempt.sale_id = sale.id AND attempt.live
    WHERE
        sale.closed_at IS NULL
        AND attempt.state = 'held'
        AND attempt.expires_at < clock_timestamp() - $1::bigint * interval '1 millisecond'
    ORDER BY attempt.code
    LIMIT $2::bigint
    FOR UPDATE OF attempt SKIP LOCKED
)
UPDATE checkout_attempts AS attempt
SET state = 'expired', resolved_at = clock_timestamp()
FROM overdue
WHERE attempt.code = overdue.code AND attempt.state = 'held'
RETURNING attempt.code
