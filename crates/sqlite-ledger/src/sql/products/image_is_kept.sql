-- image_is_kept: whether there is such a picture.
--
-- ?1 digest

SELECT 1 FROM product_images WHERE digest = ?1
