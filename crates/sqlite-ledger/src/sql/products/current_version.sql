-- current_version: which version a product has now.
--
-- ?1 product_id

SELECT id FROM product_versions WHERE product_id = ?1 ORDER BY id DESC LIMIT 1
