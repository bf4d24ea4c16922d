-- find_filed_owner: whom a code was given to whose sale is closed. A tombstone has no user.
--
-- ?1 code

SELECT attempt.user_id
FROM codes AS filed
JOIN checkout_attempts AS attempt ON attempt.id = filed.attempt
WHERE filed.code = ?1 AND attempt.state <> 'void'
