-- find_product: the product of a key, as it is now.
--
-- $1 sku   text

SELECT
    version.id, version.product_id, product.sku, version.name, version.price_amount,
    version.price_currency, version.metadata, version.image, image.kind, version.made_at,
    product.archived_at
FROM products AS product
CROSS JOIN LATERAL (
    SELECT id, product_id, name, price_amount, price_currency, metadata, image, made_at
    FROM product_versions
    WHERE product_id = product.id
    ORDER BY id DESC
    LIMIT 1
) AS version
LEFT JOIN product_images AS image ON image.digest = version.image
WHERE product.sku = $1::text
