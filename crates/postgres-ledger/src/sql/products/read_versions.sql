-- read_versions: versions of products.
--
-- $1 ids   bigint[]

SELECT
    version.id, version.product_id, product.sku, version.name, version.price_amount,
    version.price_currency, version.metadata, version.image, image.kind, version.made_at
FROM product_versions AS version
JOIN products AS product ON product.id = version.product_id
LEFT JOIN product_images AS image ON image.digest = version.image
WHERE version.id = ANY ($1::bigint[])
