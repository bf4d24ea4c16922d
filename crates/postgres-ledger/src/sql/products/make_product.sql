-- make_product: makes a product, of which nothing is said yet.
--
-- $1 sku   text
--
-- Returns it. Waits for one of this key that is being made, and is a duplicate then.

INSERT INTO products (sku) VALUES ($1::text) RETURNING id
