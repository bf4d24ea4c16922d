-- keep_image: keeps a picture. It may be there already: the same content is the same picture.
--
-- ?1 digest   ?2 kind   ?3 bytes

INSERT INTO product_images (digest, kind, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
