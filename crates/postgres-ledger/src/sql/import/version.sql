-- version: writes a version of a product that another ledger had, with its number.
--
-- $1 id               bigint
-- $2 product_id       bigint
-- $3 name             text
-- $4 price_amount     bigint   or null, like the next three
-- $5 price_currency   text
-- $6 metadata         text
-- $7 image            bytea
-- $8 made_at          timestamptz

INSERT INTO product_versions
    (id, product_id, name, price_amount, price_currency, metadata, image, made_at)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
