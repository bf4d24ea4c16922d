-- look_up_units: the units that users have of sales, held and sold, and what was sold to them and cancelled.
--
-- $1 sale_ids   bigint[]
-- $2 user_ids   text[]     as many
--
-- Returns a row for each unit, in the order of the slots of each who asked, and one without a state
-- for whoever has none. There are no more of anybody than the limit of the sale, but for what was cancelled.

WITH asked AS MATERIALIZED (
    SELECT sale_id, user_id, place
    FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS asked (sale_id, user_id, place)
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
    (
        SELECT code, sale_id, user_id, unit, NULL::timestamptz, slot, 'cancelled'
        FROM purchases
        WHERE
            user_id = asked.user_id AND sale_id = asked.sale_id AND cancelled_at IS NOT NULL
        -- In this order, so that the index of what was cancelled is the one to go by.
        ORDER BY slot
        OFFSET 0
    )
) AS attempt ON true
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
ORDER BY asked.place, attempt.slot, purchase.purchased_at
