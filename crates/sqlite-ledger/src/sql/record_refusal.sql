-- record_refusal: writes a refused attempt.
--
-- ?1 sale_id   ?2 user_id   ?3 outcome   ?4 now

INSERT INTO checkout_attempts (sale_id, user_id, outcome, attempted_at) VALUES (?1, ?2, ?3, ?4)
