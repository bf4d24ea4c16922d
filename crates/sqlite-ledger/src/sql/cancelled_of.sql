-- cancelled_of: what a user had bought in a sale and was cancelled, in the order of the slots. Those of all users of the
-- sale are looked at: its codes lie together in the index of what was cancelled, and they are few.
--
-- ?1 first_code   ?2 last_code   of the sale   ?3 user_id

SELECT code, sale_id, user_id, unit, item_name, item_image, product_version, purchased_at,
    cancelled_at, cancel_reason
FROM purchases INDEXED BY purchases_cancelled
WHERE code >= ?1 AND code <= ?2 AND cancelled_at IS NOT NULL AND user_id = ?3
ORDER BY slot, id
