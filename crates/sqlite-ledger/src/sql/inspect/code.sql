-- inspect_code: the attempt of a code that is not filed. Whoever has no guard reads what was recorded
-- since its sale was made.
--
-- ?1 code   ?2 sale_id

SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code,
    user_id
FROM checkout_attempts
WHERE id >= (SELECT first_attempt FROM sales WHERE id = ?2) AND code = ?1
LIMIT 1
