-- release: gives a hold back before its time.
--
-- ?1 code   ?2 now
--
-- Returns its sale; nothing if it was not held, and stays as it is.

UPDATE checkout_attempts
SET state = 'released', live = 0, resolved_at = ?2
WHERE code = ?1 AND state = 'held'
RETURNING sale_id
