-- record_grant: writes a granted attempt, which is the hold.
--
-- ?1 sale_id   ?2 user_id   ?3 code   ?4 unit   ?5 slot
-- ?6 epoch     of the live state that granted
-- ?7 now       ?8 expires_at
--
-- Writes nothing if the code is there already, or its unit or slot is live under another.

INSERT INTO checkout_attempts
    (sale_id, user_id, code, unit, slot, epoch, attempted_at, expires_at, outcome, state, live)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'granted', 'held', 1)
ON CONFLICT DO NOTHING
