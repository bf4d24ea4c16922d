-- sold_has_receipt: sold holds without a purchase that is equal in code, sale, unit, user and slot,
-- purchases without such a hold, and sales that have not as many of the one as of the other. Of those that were
-- cancelled, both are, or neither.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

WITH hold AS NOT MATERIALIZED (
    SELECT code, sale_id, unit, user_id, slot, state = 'cancelled' AS is_cancelled
    FROM checkout_attempts
    WHERE state IN ('sold', 'cancelled') AND ($1::bigint IS NULL OR sale_id = $1::bigint)
),
purchase AS NOT MATERIALIZED (
    SELECT code, sale_id, unit, user_id, slot, cancelled_at IS NOT NULL AS is_cancelled
    FROM purchases
    WHERE $1::bigint IS NULL OR sale_id = $1::bigint
),
apart AS (
    SELECT
        coalesce(hold.sale_id, purchase.sale_id) AS sale_id,
        format(
            'code %s..: sold is %s, bought is %s', left(code::text, 13),
            CASE
                WHEN hold.code IS NULL THEN 'nothing'
                ELSE format(
                    'unit %s, slot %s of %s%s', hold.unit, hold.slot, hold.user_id,
                    CASE WHEN hold.is_cancelled THEN ', cancelled' END
                )
            END,
            CASE
                WHEN purchase.code IS NULL THEN 'nothing'
                ELSE format(
                    'unit %s, slot %s of %s%s', purchase.unit, purchase.slot, purchase.user_id,
                    CASE WHEN purchase.is_cancelled THEN ', cancelled' END
                )
            END
        ) AS found
    FROM hold
    FULL JOIN purchase USING (code)
    WHERE
        (hold.sale_id, hold.unit, hold.user_id, hold.slot, hold.is_cancelled)
        IS DISTINCT FROM (
            purchase.sale_id, purchase.unit, purchase.user_id, purchase.slot, purchase.is_cancelled
        )
    UNION ALL
    -- A second purchase of the same code finds its hold as well as the first.
    SELECT
        sale_id,
        format('%s units sold, %s purchases', coalesce(sold.units, 0), coalesce(bought.units, 0))
    FROM (SELECT sale_id, count(*) AS units FROM hold GROUP BY sale_id) AS sold
    FULL JOIN (SELECT sale_id, count(*) AS units FROM purchase GROUP BY sale_id) AS bought
        USING (sale_id)
    WHERE sold.units IS DISTINCT FROM bought.units
)
SELECT count(*) OVER () AS breaches, format('sale %s: %s', sale_id, found) AS found
FROM apart
ORDER BY sale_id, found
LIMIT $2::bigint
