-- slots_live_once: places of a user in a sale that are held or sold more than once.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %d: slot %d of %s is live %d times', sale_id, slot, user_id, count(*)) AS found
FROM checkout_attempts
WHERE (state = 'held' OR state = 'sold') AND (?1 IS NULL OR sale_id = ?1)
GROUP BY sale_id, user_id, slot
HAVING count(*) > 1
ORDER BY sale_id, user_id, slot
LIMIT ?2
