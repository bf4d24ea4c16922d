-- old_grant: a unit of a closed sale, held and sold.
--
-- ?1 sale_id   ?2 attempted_at   ms since the Unix epoch   ?3 user_id   ?4 unit   ?5 code

INSERT INTO checkout_attempts
    (sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code, user_id)
VALUES (?1, 'granted', 'sold', ?4, 0, 1, ?2, ?2 + 300000, ?2 + 10000, ?5, ?3)
