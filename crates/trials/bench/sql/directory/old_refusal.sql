-- old_refusal: an attempt at a closed sale that got nothing.
--
-- ?1 sale_id   ?2 attempted_at   ms since the Unix epoch   ?3 user_id

INSERT INTO checkout_attempts (sale_id, outcome, attempted_at, user_id)
VALUES (?1, 'sold_out', ?2, ?3)
