-- inspect_units: the units that a user has, and those whose purchase was cancelled, those of the newest sale first.
--
-- $1 user_id   text
-- $2 sale_id   bigint   null for all
-- $3 from      bigint   the sale to begin with; null for the newest
-- $4 past      bigint   units of that sale that are past
-- $5 limit     bigint
--
-- Each sale is looked up by itself: the index of the slots begins with it.

SELECT
    attempt.sale_id, attempt.code, attempt.user_id, attempt.unit, attempt.expires_at,
    attempt.state, purchase.item_name, purchase.item_image, purchase.product_version,
    purchase.purchased_at, purchase.cancelled_at, purchase.cancel_reason,
    attempt.sale_id AS at
FROM (
    SELECT id FROM sales
    WHERE ($2::bigint IS NULL OR id = $2) AND id <= coalesce($3::bigint, 9223372036854775807)
    ORDER BY id DESC
) AS sale
CROSS JOIN LATERAL (
    (
        SELECT sale_id, code, user_id, unit, expires_at, slot, state::text AS state
        FROM checkout_attempts
        WHERE sale_id = sale.id AND user_id = $1 AND live
        -- In this order, so that the index of the slots is the one to go by.
        ORDER BY slot
        OFFSET 0
    )
    UNION ALL
    (
        SELECT sale_id, code, user_id, unit, NULL::timestamptz, slot, 'cancelled'
        FROM purchases
        WHERE user_id = $1 AND sale_id = sale.id AND cancelled_at IS NOT NULL
        -- In this order, so that the index of what was cancelled is the one to go by.
        ORDER BY slot
        OFFSET 0
    )
) AS attempt
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
-- By the slot, and then by when it was bought: what stands was bought after what was cancelled.
ORDER BY sale.id DESC, attempt.slot, purchase.purchased_at, attempt.code
OFFSET $4
LIMIT $5
