-- find_image: a picture.
--
-- ?1 digest

SELECT kind, bytes FROM product_images WHERE digest = ?1
