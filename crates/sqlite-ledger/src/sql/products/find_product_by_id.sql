-- find_product_by_id: the product of a number.
--
-- ?1 id

SELECT id, archived_at FROM products WHERE id = ?1
