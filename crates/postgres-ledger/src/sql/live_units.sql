-- live_units: every unit of a sale that is held or sold. The sale's row is locked.
--
-- $1 sale_id   bigint
--
-- held_until: null if the unit is sold.

SELECT
    code, user_id, unit, slot, CASE WHEN state = 'held' THEN expires_at END AS held_until
FROM checkout_attempts
WHERE sale_id = $1::bigint AND live
ORDER BY unit
