-- next_sale: lets the numbers of sales to come follow those that are there.

SELECT setval(pg_get_serial_sequence('sales', 'id'), max(id)) FROM sales HAVING max(id) IS NOT NULL
