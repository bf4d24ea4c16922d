-- record_refusal: writes a refused attempt.
--
-- ?1 id   ?2 sale_id   ?3 outcome   ?4 now   ?5 user_id

INSERT INTO checkout_attempts (id, sale_id, outcome, attempted_at, user_id)
VALUES (?1, ?2, ?3, ?4, ?5)
