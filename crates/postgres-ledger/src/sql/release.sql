-- release: gives a batch of holds back before their time.
--
-- $1 codes   uuid[]
--
-- What was not held stays as it is.

WITH held AS MATERIALIZED (
    SELECT code
    FROM checkout_attempts
    WHERE code = ANY ($1::uuid[]) AND state = 'held'
    ORDER BY code
    FOR UPDATE
)
UPDATE checkout_attempts AS attempt
SET state = 'released', resolved_at = clock_timestamp()
FROM held
WHERE attempt.code = held.code AND attempt.state = 'held'
