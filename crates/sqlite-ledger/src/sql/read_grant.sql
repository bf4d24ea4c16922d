-- read_grant: what became of the attempt with this code.
--
-- ?1 code

SELECT state, expires_at FROM checkout_attempts WHERE code = ?1
