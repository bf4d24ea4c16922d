-- expire: ends a hold that was due at a moment.
--
-- ?1 code   ?2 now   ?3 due_by
--
-- Returns its sale; nothing if it is not held or not due, and stays as it is.

UPDATE checkout_attempts
SET state = 'expired', live = 0, resolved_at = ?2
WHERE code = ?1 AND state = 'held' AND expires_at <= ?3
RETURNING sale_id
