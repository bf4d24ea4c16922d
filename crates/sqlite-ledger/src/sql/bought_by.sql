-- bought_by: what a user has bought in a sale, in the order of their slots; nothing that was cancelled.
--
-- ?1 sale_id   ?2 user_id

SELECT code, sale_id, user_id, unit, item_name, item_image, product_version, purchased_at,
    cancelled_at, cancel_reason
FROM purchases
WHERE sale_id = ?1 AND user_id = ?2 AND cancelled_at IS NULL
ORDER BY slot
