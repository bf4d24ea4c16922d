-- record_grant: writes a granted attempt, which is the hold.
--
-- ?1 id      ?2 sale_id   ?3 unit         ?4 slot   ?5 epoch   of the live state that granted
-- ?6 now     ?7 expires_at   ?8 code      ?9 user_id

INSERT INTO checkout_attempts
    (id, sale_id, unit, slot, epoch, attempted_at, changed_at, expires_at, code, user_id, outcome,
     state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, 'granted', 'held')
