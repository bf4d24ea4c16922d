-- page_products: the newest products below a number, as they are now.
--
-- $1 before   bigint
-- $2 limit    bigint

SELECT
    version.id, version.product_id, product.sku, version.name, version.price_amount,
    version.price_currency, version.metadata, version.image, image.kind, version.made_at,
    product.archived_at
FROM (
    SELECT id, sku, archived_at
    FROM products
    WHERE id < $1::bigint
    ORDER BY id DESC
    LIMIT $2::bigint
) AS product
CROSS JOIN LATERAL (
    SELECT id, product_id, name, price_amount, price_currency, metadata, image, made_at
    FROM product_versions
    WHERE product_id = product.id
    ORDER BY id DESC
    LIMIT 1
) AS version
LEFT JOIN product_images AS image ON image.digest = version.image
ORDER BY version.product_id DESC
