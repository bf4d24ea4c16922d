-- find_product: the product of a key.
--
-- ?1 sku

SELECT id, archived_at FROM products WHERE sku = ?1
