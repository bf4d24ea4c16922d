-- image_is_kept: whether there is such a picture.
--
-- $1 digest   bytea

SELECT FROM product_images WHERE digest = $1::bytea
