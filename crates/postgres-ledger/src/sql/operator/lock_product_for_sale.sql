-- lock_product_for_sale: keeps a product from being archived until this transaction ends.
--
-- $1 product_id   bigint
--
-- Returns the product, or nothing.

SELECT archived_at IS NOT NULL AS is_archived
FROM products
WHERE id = $1::bigint
FOR SHARE
