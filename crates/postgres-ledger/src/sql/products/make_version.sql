-- make_version: says what a product is from now on. Its row is locked, or new.
--
-- $1 product_id       bigint
-- $2 name             text
-- $3 price_amount     bigint   or null, like all that follow
-- $4 price_currency   text
-- $5 metadata         text
-- $6 image            bytea

INSERT INTO product_versions (product_id, name, price_amount, price_currency, metadata, image)
VALUES ($1::bigint, $2::text, $3::bigint, $4::text, $5::text, $6::bytea)
