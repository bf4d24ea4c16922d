-- expire_due: ends the holds among these codes that are due.
--
-- $1 codes   uuid[]

WITH due AS MATERIALIZED (
    SELECT code
    FROM checkout_attempts
    WHERE code = ANY ($1::uuid[]) AND state = 'held' AND expires_at <= clock_timestamp()
    ORDER BY code
    FOR UPDATE
)
UPDATE checkout_attempts AS attempt
SET state = 'expired', resolved_at = clock_timestamp()
FROM due
WHERE attempt.code = due.code AND attempt.state = 'held'
