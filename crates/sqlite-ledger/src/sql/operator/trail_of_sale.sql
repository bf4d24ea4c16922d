-- trail_of_sale: the same of one sale.
--
-- ?1 before   ?2 changes_only   ?3 limit   ?4 sale_id

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE sale_id = ?4 AND number < ?1 AND (NOT ?2 OR code IS NULL AND refused IS NULL)
ORDER BY number DESC
LIMIT ?3
