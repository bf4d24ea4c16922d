-- look_up_units: the units that users have of sales, held and sold, and what was sold to them and cancelled.
--
-- $1 sale_ids   bigint[]
-- $2 user_ids   text[]     as many
--
-- Returns a row for each unit, in the order of the slots of each who asked, and one without a state
-- for whoever has none. There are no more of anybody than the limit of the sale, but for what was cancelled: that is
-- in no index of users, and is looked up once for all who ask, by the trails of their sales.

WITH asked AS MATERIALIZED (
    SELECT sale_id, user_id, place
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS asked (sale_id, user_id, place)
),
cancelled AS MATERIALIZED (
    SELECT purchase.sale_id, purchase.user_id, purchase.code, purchase.unit, purchase.slot
    FROM (SELECT DISTINCT sale_id FROM asked) AS sale
    JOIN operator_actions AS action ON action.sale_id = sale.sale_id
    JOIN purchases AS purchase ON purchase.code = action.code
    WHERE
        action.action = 'purchase-cancelled' AND action.after IS NOT NULL
        AND purchase.user_id = ANY ($2::text[]) AND purchase.cancelled_at IS NOT NULL
)
SELECT
    asked.place,
    attempt.code, attempt.sale_id, attempt.user_id, attempt.unit, attempt.expires_at,
    attempt.state,
    purchase.item_name, purchase.item_image, purchase.product_version, purchase.purchased_at,
    purchase.cancelled_at, purchase.cancel_reason,
    clock_timestamp() AS now
FROM asked
LEFT JOIN LATERAL (
    (
        SELECT code, sale_id, user_id, unit, expires_at, slot, state::text AS state
        FROM checkout_attempts
        WHERE sale_id = asked.sale_id AND user_id = asked.user_id AND live
        -- In this order, so that the index of the slots is the one to go by.
        ORDER BY slot
        OFFSET 0
    )
    UNION ALL
    SELECT code, sale_id, user_id, unit, NULL::timestamptz, slot, 'cancelled'
    FROM cancelled
    WHERE sale_id = asked.sale_id AND user_id = asked.user_id
) AS attempt ON true
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
ORDER BY asked.place, attempt.slot, purchase.purchased_at
