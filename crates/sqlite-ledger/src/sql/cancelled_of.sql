-- cancelled_of: what a user had bought in a sale and was cancelled, in the order of the slots.
--
-- ?1 user_id   ?2 sale_id

SELECT code, sale_id, user_id, unit, item_name, item_image, product_version, purchased_at,
    cancelled_at, cancel_reason
FROM purchases INDEXED BY purchases_cancelled_of
WHERE user_id = ?1 AND sale_id = ?2 AND cancelled_at IS NOT NULL
ORDER BY slot, id
