-- within_terms: grants of units or slots that their sale does not have, and sales that sold more
-- than their stock. A user above their limit has a slot beyond it, or two units in one slot. What is not
-- live may be beyond terms that were changed since: it is held to the widest that its sale ever had.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH changed AS (
    SELECT
        sale_id, max(before ->> 'stock') AS stock, max(before ->> 'per_user_limit') AS per_user_limit
    FROM operator_actions NOT INDEXED
    WHERE action = 'sale-changed' AND after IS NOT NULL
    GROUP BY sale_id
), beyond AS (
    SELECT
        attempt.sale_id,
        format(
            'unit %d of %s, slot %d of %s for %s', attempt.unit, coalesce(sale.stock, 'none'),
            attempt.slot, coalesce(sale.per_user_limit, 'none'), attempt.user_id
        ) AS found
    FROM checkout_attempts AS attempt
    LEFT JOIN sales AS sale ON sale.id = attempt.sale_id
    LEFT JOIN changed ON changed.sale_id = attempt.sale_id
        AND NOT (attempt.state = 'held' OR attempt.state = 'sold')
    WHERE
        attempt.outcome = 'granted'
        AND (
            attempt.unit BETWEEN 1 AND max(sale.stock, coalesce(changed.stock, 0))
            AND attempt.slot
            BETWEEN 0 AND max(sale.per_user_limit, coalesce(changed.per_user_limit, 0)) - 1
        ) IS NOT TRUE
        AND (?1 IS NULL OR attempt.sale_id = ?1)
    UNION ALL
    SELECT
        bought.sale_id,
        format('%d purchases of %s units', bought.units, coalesce(sale.stock, 'none'))
    FROM (
        SELECT sale_id, count(*) AS units FROM purchases NOT INDEXED
        WHERE cancelled_at IS NULL
        GROUP BY sale_id
    ) AS bought
    LEFT JOIN sales AS sale ON sale.id = bought.sale_id
    WHERE (bought.units <= sale.stock) IS NOT TRUE AND (?1 IS NULL OR bought.sale_id = ?1)
)
SELECT count(*) OVER () AS breaches, format('sale %d: %s', sale_id, found) AS found
FROM beyond
ORDER BY sale_id, found
LIMIT ?2
