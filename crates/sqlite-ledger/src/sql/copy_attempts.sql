-- copy_attempts: the next attempts, in the order in which they were recorded.
--
-- ?1 after   the row of the last one that was read   ?2 limit

SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code,
    user_id
FROM checkout_attempts
WHERE id > ?1
ORDER BY id
LIMIT ?2
