-- find_action: the row of an order.
--
-- ?1 id

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE id = ?1
