-- export_purchases: every purchase of a sale, in the order in which they were made.
--
-- $1 first_code   uuid          the codes of the sale lie together in their index
-- $2 last_code    uuid
-- $3 from         timestamptz   null for the first
-- $4 before       bigint        rows of that moment before the first of these

SELECT
    sale_id, purchased_at, code, user_id, unit, slot, item_name, item_image, product_version,
    cancelled_at, cancel_reason,
    (extract(epoch FROM purchased_at) * 1000000)::bigint AS at
FROM purchases
WHERE
    code >= $1 AND code <= $2
    AND purchased_at >= coalesce($3::timestamptz, '-infinity')
ORDER BY purchased_at, code
OFFSET $4
