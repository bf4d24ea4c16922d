-- units_live_once: units of a sale that are held or sold more than once.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %d: unit %d is live %d times', sale_id, unit, count(*)) AS found
FROM checkout_attempts
WHERE (state = 'held' OR state = 'sold') AND (?1 IS NULL OR sale_id = ?1)
GROUP BY sale_id, unit
HAVING count(*) > 1
ORDER BY sale_id, unit
LIMIT ?2
