-- lock_product: keeps a product from being changed or archived by others until this transaction ends.
--
-- $1 sku   text
--
-- Returns the product, or nothing.

SELECT id FROM products WHERE sku = $1::text FOR UPDATE
