-- sold_has_receipt: sold holds without exactly one purchase that is equal in code, sale, unit, user
-- and slot, and purchases without such a hold. Of those that were cancelled, both are, or neither.
--
-- Whole rows are paired first, by sale and unit, for in this order they nearly are already. Only
-- what is left over is gathered by code.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH side AS (
    SELECT
        sale_id, unit, code, user_id, slot, state = 'cancelled' AS is_cancelled, 1 AS sold, 0 AS bought
    FROM checkout_attempts
    WHERE (state = 'sold' OR state = 'cancelled') AND (?1 IS NULL OR sale_id = ?1)
    UNION ALL
    SELECT sale_id, unit, code, user_id, slot, cancelled_at IS NOT NULL, 0, 1
    FROM purchases
    WHERE ?1 IS NULL OR sale_id = ?1
),
alone AS (
    SELECT
        sale_id, unit, code, user_id, slot, is_cancelled, sum(sold) AS sold, sum(bought) AS bought
    FROM side
    GROUP BY sale_id, unit, code, user_id, slot, is_cancelled
    HAVING sum(sold) <> 1 OR sum(bought) <> 1
),
apart AS (
    SELECT
        code, min(sale_id) AS sale_id, sum(sold) AS sold, sum(bought) AS bought,
        max(CASE WHEN sold THEN unit END) AS sold_unit,
        max(CASE WHEN sold THEN slot END) AS sold_slot,
        max(CASE WHEN sold THEN user_id END) AS sold_to,
        max(CASE WHEN sold AND is_cancelled THEN ', cancelled' END) AS sold_until,
        max(CASE WHEN bought THEN unit END) AS bought_unit,
        max(CASE WHEN bought THEN slot END) AS bought_slot,
        max(CASE WHEN bought THEN user_id END) AS bought_by,
        max(CASE WHEN bought AND is_cancelled THEN ', cancelled' END) AS bought_until
    FROM alone
    GROUP BY code
)
SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: code %s-%s..: sold is %s, bought is %s', sale_id,
        lower(substr(hex(code), 1, 8)), lower(substr(hex(code), 9, 4)),
        CASE
            WHEN sold = 0 THEN 'nothing like it'
            WHEN sold > 1 THEN format('%d times', sold)
            ELSE format('unit %d, slot %d of %s%s', sold_unit, sold_slot, sold_to, sold_until)
        END,
        CASE
            WHEN bought = 0 THEN 'nothing like it'
            WHEN bought > 1 THEN format('%d times', bought)
            ELSE format('unit %d, slot %d of %s%s', bought_unit, bought_slot, bought_by, bought_until)
        END
    ) AS found
FROM apart
ORDER BY sale_id, code
LIMIT ?2
