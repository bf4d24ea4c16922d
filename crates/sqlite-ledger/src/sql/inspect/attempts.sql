-- inspect_attempts: all that a user asked for, the last first. Reads the whole table.
--
-- ?1 user_id   ?2 sale_id   null for all   ?3 before   the row of the last one that is past   ?4 limit

SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code,
    user_id
FROM checkout_attempts
WHERE id < ?3 AND user_id = ?1 AND outcome IS NOT NULL AND (?2 IS NULL OR sale_id = ?2)
ORDER BY id DESC
LIMIT ?4
