-- export_attempts: the attempts at a sale among so many rows, in the order in which they were recorded.
--
-- ?1 sale_id   ?2 after   ?3 to   the last of the rows to look at

SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code,
    user_id
FROM checkout_attempts
WHERE id > ?2 AND id <= ?3 AND sale_id = ?1 AND outcome IS NOT NULL
ORDER BY id
