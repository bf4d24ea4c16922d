-- within_terms: grants of units or slots that their sale does not have, and sales that sold more
-- than their stock. A user above their limit has a slot beyond it, or two units in one slot. What is not
-- live may be beyond terms that were changed since: it is held to the widest that its sale ever had.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

WITH changed AS (
    SELECT
        sale_id, max((before::jsonb ->> 'stock')::integer) AS stock,
        max((before::jsonb ->> 'per_user_limit')::integer) AS per_user_limit
    FROM operator_actions
    WHERE action = 'sale-changed' AND after IS NOT NULL
    GROUP BY sale_id
), beyond AS (
    SELECT
        attempt.sale_id,
        format(
            'unit %s of %s, slot %s of %s for %s', attempt.unit, sale.stock, attempt.slot,
            sale.per_user_limit, attempt.user_id
        ) AS found
    FROM checkout_attempts AS attempt
    LEFT JOIN sales AS sale ON sale.id = attempt.sale_id
    LEFT JOIN changed ON changed.sale_id = attempt.sale_id AND NOT attempt.live
    WHERE
        attempt.outcome = 'granted'
        AND (
            attempt.unit BETWEEN 1 AND greatest(sale.stock, changed.stock)
            AND attempt.slot
            BETWEEN 0 AND greatest(sale.per_user_limit, changed.per_user_limit) - 1
            AND sale.id IS NOT NULL
        ) IS NOT TRUE
        AND ($1::bigint IS NULL OR attempt.sale_id = $1::bigint)
    UNION ALL
    SELECT bought.sale_id, format('%s purchases of %s units', bought.units, sale.stock)
    FROM (
        SELECT sale_id, count(*) AS units FROM purchases WHERE cancelled_at IS NULL GROUP BY sale_id
    ) AS bought
    LEFT JOIN sales AS sale ON sale.id = bought.sale_id
    WHERE
        (bought.units <= sale.stock) IS NOT TRUE
        AND ($1::bigint IS NULL OR bought.sale_id = $1::bigint)
)
SELECT count(*) OVER () AS breaches, format('sale %s: %s', sale_id, found) AS found
FROM beyond
ORDER BY sale_id, found
LIMIT $2::bigint
