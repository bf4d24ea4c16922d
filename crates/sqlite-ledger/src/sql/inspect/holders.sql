-- inspect_holders: the holds that a unit had, the first one first.
--
-- ?1 sale_id   ?2 unit   ?3 after   the row of the last one that is past   ?4 limit

SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code,
    user_id
FROM checkout_attempts
WHERE
    id >= (SELECT first_attempt FROM sales WHERE id = ?1) AND id > ?3
    AND sale_id = ?1 AND unit = ?2 AND outcome = 'granted'
ORDER BY id
LIMIT ?4
