-- read_version: a version of a product.
--
-- ?1 id

SELECT
    version.id, version.product_id, product.sku, version.name, version.price_amount,
    version.price_currency, version.metadata, version.image, image.kind, version.made_at,
    product.archived_at
FROM product_versions AS version
JOIN products AS product ON product.id = version.product_id
LEFT JOIN product_images AS image ON image.digest = version.image
WHERE version.id = ?1
