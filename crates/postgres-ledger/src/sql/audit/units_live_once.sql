-- units_live_once: units of a sale that are held or sold more than once.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %s: unit %s is live %s times', sale_id, unit, count(*)) AS found
FROM checkout_attempts
-- Not the column `live`, which is itself to be checked.
WHERE state IN ('held', 'sold') AND ($1::bigint IS NULL OR sale_id = $1::bigint)
GROUP BY sale_id, unit
HAVING count(*) > 1
ORDER BY sale_id, unit
LIMIT $2::bigint
