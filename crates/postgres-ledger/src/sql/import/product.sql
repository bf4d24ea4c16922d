-- product: writes a product that another ledger had, with its number.
--
-- $1 id            bigint
-- $2 sku           text
-- $3 archived_at   timestamptz   or null

INSERT INTO products (id, sku, archived_at) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3)
