-- copy_actions: rows of the trail, in their order.
--
-- ?1 after   ?2 limit

SELECT
    number AS id, number, id AS action_id, acted_at, sale_id, product_id, code, operator, action, asked,
    why, request_id, before, after, refused
FROM operator_actions
WHERE number > ?1
ORDER BY number
LIMIT ?2
