-- rows_there: how many sales, attempts and products there are already, as far as it matters.

SELECT
    (SELECT count(*) FROM (SELECT FROM sales LIMIT 1) AS sale)
    + (SELECT count(*) FROM (SELECT FROM checkout_attempts LIMIT 1) AS attempt)
    + (SELECT count(*) FROM (SELECT FROM products LIMIT 1) AS product)
    + (SELECT count(*) FROM (SELECT FROM product_images LIMIT 1) AS image) AS rows
