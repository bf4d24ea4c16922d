-- make_product: makes a product, of which nothing is said yet.
--
-- ?1 sku
--
-- Returns it, or nothing if there is one of this key.

INSERT INTO products (sku) VALUES (?1) ON CONFLICT DO NOTHING RETURNING id
