-- inspect_purchase: the purchase of a unit by a code.
--
-- ?1 sale_id   ?2 unit   ?3 code

SELECT code, sale_id, user_id, unit, slot, item_name, item_image, product_version,
    purchased_at, cancelled_at, cancel_reason
FROM purchases
WHERE sale_id = ?1 AND unit = ?2 AND code = ?3 AND cancelled_at IS NULL
UNION ALL
SELECT code, sale_id, user_id, unit, slot, item_name, item_image, product_version,
    purchased_at, cancelled_at, cancel_reason
FROM purchases
WHERE code = ?3 AND cancelled_at IS NOT NULL
