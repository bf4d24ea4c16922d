-- inspect_filed_code: the attempt of a code that is filed.
--
-- ?1 code

SELECT
    attempt.id, attempt.sale_id, attempt.outcome, attempt.state, attempt.unit, attempt.slot,
    attempt.epoch, attempt.attempted_at, attempt.expires_at, attempt.changed_at, attempt.code,
    attempt.user_id
FROM codes AS filed
JOIN checkout_attempts AS attempt ON attempt.id = filed.attempt
WHERE filed.code = ?1
