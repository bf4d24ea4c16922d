-- make_product: makes a product, of which nothing is said yet.
--
-- $1 sku   text
--
-- Returns it, or nothing if there is one of this key. Waits for one that is being made.

INSERT INTO products (sku) VALUES ($1::text) ON CONFLICT DO NOTHING RETURNING id
