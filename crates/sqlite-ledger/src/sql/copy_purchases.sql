-- copy_purchases: the next purchases, in the order in which they were made.
--
-- ?1 after   the row of the last one that was read   ?2 limit

SELECT id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image, product_version,
    cancelled_at, cancel_reason
FROM purchases
WHERE id > ?1
ORDER BY id
LIMIT ?2
