-- stop_selling: pauses every sale that is open, or if none is, the next, so that there is one to resume.
--
-- Returns their numbers, of those that were paused before too.

WITH coming AS (
    SELECT id, starts_at, starts_at <= clock_timestamp() AS is_open
    FROM sales
    WHERE closed_at IS NULL AND ends_at > clock_timestamp()
    -- As whoever changes a sale: a record in flight is waited for, and a later one sees the pause.
    ORDER BY id
    FOR UPDATE
),
stopped AS (
    SELECT id FROM coming WHERE is_open
    UNION
    SELECT id FROM (SELECT id FROM coming ORDER BY starts_at, id LIMIT 1) AS first
)
UPDATE sales
SET state = 'paused'
WHERE id IN (SELECT id FROM stopped) AND closed_at IS NULL
RETURNING id
