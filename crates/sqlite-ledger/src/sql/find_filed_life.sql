-- find_filed_life: a code whose sale is closed. A tombstone was given to nobody.
--
-- ?1 code

SELECT
    attempt.code, attempt.user_id, attempt.unit, attempt.expires_at, attempt.state,
    attempt.changed_at
FROM codes AS filed
JOIN checkout_attempts AS attempt ON attempt.id = filed.attempt
WHERE filed.code = ?1 AND attempt.state <> 'void'
