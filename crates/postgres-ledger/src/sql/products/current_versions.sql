-- current_versions: which versions products have now.
--
-- $1 product_ids   bigint[]
--
-- Returns a row for each product that there is.

SELECT product.id AS product_id, last.id
FROM unnest($1::bigint[]) AS product (id)
CROSS JOIN LATERAL (
    SELECT id FROM product_versions WHERE product_id = product.id ORDER BY id DESC LIMIT 1
) AS last
