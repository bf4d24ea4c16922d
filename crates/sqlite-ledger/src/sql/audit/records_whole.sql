-- records_whole: attempts whose columns contradict each other, and sales and receipts likewise; and receipts
-- that name what is no version of the product of their sale.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH broken AS (
    SELECT
        sale_id,
        format(
            'outcome %s, state %s, unit %s, slot %s, attempted at %s', outcome, state, unit, slot,
            strftime('%Y-%m-%dT%H:%M:%fZ', attempted_at / 1000.0, 'unixepoch')
        ) AS found
    FROM checkout_attempts
    WHERE
        (?1 IS NULL OR sale_id = ?1)
        AND (
            CASE
                WHEN outcome = 'granted' THEN
                    length(code) = 16 AND expires_at IS NOT NULL AND epoch IS NOT NULL
                    AND unit >= 1 AND slot >= 0 AND changed_at IS NOT NULL
                    AND user_id IS NOT NULL AND (
                        state = 'held' OR state = 'sold' OR state = 'expired'
                        OR state = 'released' OR state = 'cancelled'
                    )
                WHEN outcome IS NULL THEN state IS 'void' AND length(code) = 16
                ELSE code IS NULL AND state IS NULL AND user_id IS NOT NULL
            END
        ) IS NOT TRUE
    UNION ALL
    SELECT
        id,
        format(
            '%s, stock %d, limit %d, hold of %d ms, from %d to %d, closed at %s', state, stock,
            per_user_limit, hold_ms, starts_at, ends_at, closed_at
        )
    FROM sales
    WHERE
        (?1 IS NULL OR id = ?1)
        AND (
            id BETWEEN 1 AND 1099511627775
            AND ends_at > starts_at
            AND hold_ms > 0
            AND stock BETWEEN 0 AND 1000000
            AND per_user_limit BETWEEN 1 AND 1000
            AND state IN ('active', 'paused', 'closed')
            AND (state = 'closed') = (closed_at IS NOT NULL)
        ) IS NOT TRUE
    UNION ALL
    SELECT
        sale_id,
        format('unit %d was cancelled at %s, with a reason: %d', unit, cancelled_at, cancel_reason IS NOT NULL)
    FROM purchases
    WHERE
        (?1 IS NULL OR sale_id = ?1)
        AND (
            (cancelled_at IS NULL) = (cancel_reason IS NULL)
            AND (cancelled_at IS NULL OR cancel_reason <> '')
        ) IS NOT TRUE
    UNION ALL
    SELECT
        purchase.sale_id,
        format('unit %d was sold as version %d', purchase.unit, purchase.product_version)
    FROM purchases AS purchase
    WHERE
        (?1 IS NULL OR purchase.sale_id = ?1)
        AND purchase.product_version IS NOT NULL
        AND NOT EXISTS (
            SELECT 1
            FROM product_versions AS version
            JOIN sales AS sale ON sale.product_id = version.product_id
            WHERE version.id = purchase.product_version AND sale.id = purchase.sale_id
        )
)
SELECT count(*) OVER () AS breaches, format('sale %d: %s', sale_id, found) AS found
FROM broken
ORDER BY sale_id, found
LIMIT ?2
