-- last_change: the last order that made or changed a sale.
--
-- $1 sale_id   bigint

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE sale_id = $1::bigint AND code IS NULL AND refused IS NULL
ORDER BY number DESC
LIMIT 1
