-- next_product: lets the numbers of products and versions to come follow those that are there.

SELECT
    (SELECT setval(pg_get_serial_sequence('products', 'id'), max(id)) FROM products HAVING max(id) IS NOT NULL),
    (
        SELECT setval(pg_get_serial_sequence('product_versions', 'id'), max(id))
        FROM product_versions
        HAVING max(id) IS NOT NULL
    )
