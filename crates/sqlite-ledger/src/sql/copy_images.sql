-- copy_images: the next pictures of products, in the order in which they were kept.
--
-- ?1 after   the row of the last one that was read   ?2 limit

SELECT rowid AS id, digest, kind, bytes FROM product_images WHERE rowid > ?1 ORDER BY rowid LIMIT ?2
