-- records_whole: attempts whose columns contradict each other, and sales and receipts likewise; and receipts
-- that name what is no version of the product of their sale.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

WITH broken AS (
    SELECT
        sale_id,
        format(
            'outcome %s, state %s, unit %s, slot %s, live %s, attempted at %s',
            outcome, state, unit, slot, live, attempted_at
        ) AS found
    FROM checkout_attempts
    WHERE
        ($1::bigint IS NULL OR sale_id = $1::bigint)
        AND (
            live IS DISTINCT FROM (state IN ('held', 'sold'))
            OR (
                CASE
                    WHEN outcome = 'granted' THEN
                        num_nulls(code, expires_at, epoch, unit, slot, state, user_id) = 0
                        AND state <> 'void' AND unit >= 1 AND slot >= 0
                        AND (state = 'held') = (resolved_at IS NULL)
                    WHEN outcome IS NULL THEN state = 'void' AND code IS NOT NULL
                    ELSE num_nonnulls(code, state) = 0 AND user_id IS NOT NULL
                END
            ) IS NOT TRUE
        )
    UNION ALL
    SELECT
        id,
        format(
            '%s, stock %s, limit %s, hold of %s ms, from %s to %s, closed at %s',
            state, stock, per_user_limit, hold_ms, starts_at, ends_at, closed_at
        )
    FROM sales
    WHERE
        ($1::bigint IS NULL OR id = $1::bigint)
        AND (
            id BETWEEN 1 AND 1099511627775
            AND ends_at > starts_at
            AND hold_ms > 0
            AND stock BETWEEN 0 AND 1000000
            AND per_user_limit BETWEEN 1 AND 1000
            AND (state = 'closed') = (closed_at IS NOT NULL)
        ) IS NOT TRUE
    UNION ALL
    SELECT
        sale_id,
        format('unit %s was cancelled at %s, with a reason: %s', unit, cancelled_at, cancel_reason IS NOT NULL)
    FROM purchases
    WHERE
        ($1::bigint IS NULL OR sale_id = $1::bigint)
        AND (
            num_nulls(cancelled_at, cancel_reason) IN (0, 2)
            AND cancel_reason <> '' IS NOT FALSE
        ) IS NOT TRUE
    UNION ALL
    SELECT
        purchase.sale_id,
        format('unit %s was sold as version %s', purchase.unit, purchase.product_version)
    FROM purchases AS purchase
    WHERE
        ($1::bigint IS NULL OR purchase.sale_id = $1::bigint)
        AND purchase.product_version IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM product_versions AS version
            JOIN sales AS sale ON sale.product_id = version.product_id
            WHERE version.id = purchase.product_version AND sale.id = purchase.sale_id
        )
)
SELECT count(*) OVER () AS breaches, format('sale %s: %s', sale_id, found) AS found
FROM broken
ORDER BY sale_id, found
LIMIT $2::bigint
