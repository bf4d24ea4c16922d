-- export_purchases: the purchases of a sale among so many rows, in the order in which they were made.
--
-- ?1 sale_id   ?2 after   ?3 to   the last of the rows to look at

SELECT id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image,
    product_version, cancelled_at, cancel_reason
FROM purchases
-- By the rows, not by the index of the sale: those of a page are next to each other.
WHERE id > ?2 AND id <= ?3 AND +sale_id = ?1
ORDER BY id
