-- stop_selling: pauses every sale that is open.
--
-- Returns their numbers, of those that were paused before too.

UPDATE sales
SET state = 'paused'
WHERE closed_at IS NULL AND starts_at <= clock_timestamp() AND ends_at > clock_timestamp()
RETURNING id
