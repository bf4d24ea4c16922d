-- read_life: a code that the guard has, by its attempt. A tombstone was given to nobody.
--
-- ?1 attempt

SELECT code, user_id, unit, expires_at, state, changed_at
FROM checkout_attempts
WHERE id = ?1 AND state <> 'void'
