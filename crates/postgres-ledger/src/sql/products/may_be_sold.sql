-- may_be_sold: whether sales of a product can be made, asked where one was not.
--
-- $1 product_id   bigint
--
-- Returns the product, or nothing.

SELECT archived_at IS NOT NULL AS is_archived FROM products WHERE id = $1::bigint
