-- page_products: the newest products below a number.
--
-- ?1 before   ?2 limit

SELECT id FROM products WHERE id < ?1 ORDER BY id DESC LIMIT ?2
