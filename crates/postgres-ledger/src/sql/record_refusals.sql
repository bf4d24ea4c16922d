-- record_refusals: writes down a batch of refused attempts in one statement.
--
-- $1 sale_ids    bigint[]
-- $2 user_ids    text[]
-- $3 outcomes    text[]       names of attempt_outcome

INSERT INTO checkout_attempts (sale_id, user_id, outcome)
SELECT refusal.sale_id, refusal.user_id, refusal.outcome::attempt_outcome
FROM unnest($1::bigint[], $2::text[], $3::text[]) AS refusal (sale_id, user_id, outcome)
