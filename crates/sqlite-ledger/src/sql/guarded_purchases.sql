-- guarded_purchases: the purchases of the sales whose codes are not filed.

SELECT purchase.id, purchase.code
FROM purchases AS purchase
CROSS JOIN sales AS sale ON sale.id = purchase.sale_id AND NOT sale.filed
WHERE purchase.id >= (SELECT min(first_purchase) FROM sales WHERE NOT filed AND epoch > 0)
