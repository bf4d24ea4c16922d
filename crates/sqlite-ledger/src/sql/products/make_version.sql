-- make_version: says what a product is from now on.
--
-- ?1 product_id   ?2 name    ?3 price_amount   or null, like the next three
-- ?4 price_currency   ?5 metadata   ?6 image   ?7 now

INSERT INTO product_versions
    (product_id, name, price_amount, price_currency, metadata, image, made_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
