-- live_units: every unit of a sale that is held or sold.
--
-- ?1 sale_id

SELECT code, user_id, unit, slot, CASE WHEN state = 'held' THEN expires_at END AS held_until
FROM checkout_attempts
WHERE sale_id = ?1 AND live
ORDER BY unit
