-- live_units_on_disk: every unit of a sale that is held or sold, without the guard.
--
-- ?1 sale_id

SELECT code, user_id, unit, slot, CASE WHEN state = 'held' THEN expires_at END AS held_until
FROM checkout_attempts
WHERE
    id >= (SELECT first_attempt FROM sales WHERE id = ?1)
    AND sale_id = ?1
    AND state IN ('held', 'sold')
ORDER BY unit
