-- sold_has_receipt: sold holds without exactly one purchase that is equal in code, sale, unit, user
-- and slot, and purchases without such a hold.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most that are told

WITH side AS (
    SELECT code, sale_id, unit, user_id, slot, 1 AS sold
    FROM checkout_attempts
    WHERE state = 'sold' AND (?1 IS NULL OR sale_id = ?1)
    UNION ALL
    SELECT code, sale_id, unit, user_id, slot, 0
    FROM purchases
    WHERE ?1 IS NULL OR sale_id = ?1
),
apart AS (
    SELECT
        code, min(sale_id) AS sale_id, sum(sold) AS sold, sum(1 - sold) AS bought,
        max(CASE WHEN sold THEN unit END) AS sold_unit,
        max(CASE WHEN sold THEN slot END) AS sold_slot,
        max(CASE WHEN sold THEN user_id END) AS sold_to,
        max(CASE WHEN NOT sold THEN unit END) AS bought_unit,
        max(CASE WHEN NOT sold THEN slot END) AS bought_slot,
        max(CASE WHEN NOT sold THEN user_id END) AS bought_by
    FROM side
    GROUP BY code
    -- One of each, and both say the same.
    HAVING
        count(*) <> 2 OR sum(sold) <> 1
        OR min(sale_id) IS NOT max(sale_id) OR min(unit) IS NOT max(unit)
        OR min(slot) IS NOT max(slot) OR min(user_id) IS NOT max(user_id)
)
SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: code %s-%s..: sold is %s, bought is %s', sale_id,
        lower(substr(hex(code), 1, 8)), lower(substr(hex(code), 9, 4)),
        CASE
            WHEN sold = 0 THEN 'nothing'
            WHEN sold > 1 THEN format('%d times', sold)
            ELSE format('unit %d, slot %d of %s', sold_unit, sold_slot, sold_to)
        END,
        CASE
            WHEN bought = 0 THEN 'nothing'
            WHEN bought > 1 THEN format('%d times', bought)
            ELSE format('unit %d, slot %d of %s', bought_unit, bought_slot, bought_by)
        END
    ) AS found
FROM apart
ORDER BY sale_id, code
LIMIT ?2
