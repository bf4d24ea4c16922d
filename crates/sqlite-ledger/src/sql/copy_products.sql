-- copy_products: every product, in the order of their numbers.

SELECT id, sku, archived_at FROM products ORDER BY id
