-- keep_image: keeps a picture. It may be there already: the same content is the same picture.
--
-- $1 digest   bytea
-- $2 kind     text
-- $3 bytes    bytea

INSERT INTO product_images (digest, kind, bytes)
VALUES ($1::bytea, $2::text, $3::bytea)
ON CONFLICT DO NOTHING
