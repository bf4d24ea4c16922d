-- read_purchase: a receipt.
--
-- ?1 id

SELECT code, sale_id, user_id, unit, item_name, item_image, product_version, purchased_at,
    cancelled_at, cancel_reason
FROM purchases
WHERE id = ?1
