-- find_filed: what the ledger has of a code whose sale is closed.
--
-- ?1 code

SELECT attempt.state, attempt.unit, attempt.slot, attempt.expires_at, filed.purchase
FROM codes AS filed
JOIN checkout_attempts AS attempt ON attempt.id = filed.attempt
WHERE filed.code = ?1
