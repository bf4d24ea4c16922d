-- slots_live_once: places of a user in a sale that are held or sold more than once.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %s: slot %s of %s is live %s times', sale_id, slot, user_id, count(*)) AS found
FROM (
    -- Sorting by the rules of a language would take several times as long.
    SELECT sale_id, user_id COLLATE "C" AS user_id, slot
    FROM checkout_attempts
    -- Not the column `live`, which is itself to be checked.
    WHERE state IN ('held', 'sold') AND ($1::bigint IS NULL OR sale_id = $1::bigint)
) AS taken
GROUP BY sale_id, user_id, slot
HAVING count(*) > 1
ORDER BY sale_id, user_id, slot
LIMIT $2::bigint
