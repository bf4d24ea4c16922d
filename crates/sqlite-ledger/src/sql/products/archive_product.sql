-- archive_product: takes a product out of use.
--
-- ?1 id   ?2 now

UPDATE products SET archived_at = ?2 WHERE id = ?1 AND archived_at IS NULL
