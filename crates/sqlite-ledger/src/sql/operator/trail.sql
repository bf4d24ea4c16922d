-- trail: the newest rows of the trail below a number.
--
-- ?1 before   ?2 changes_only   ?3 limit

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE number < ?1 AND (NOT ?2 OR code IS NULL AND refused IS NULL)
ORDER BY number DESC
LIMIT ?3
