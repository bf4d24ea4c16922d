-- trail_of_sale: the same of one sale.
--
-- $1 before         bigint
-- $2 changes_only   boolean
-- $3 limit          bigint
-- $4 sale_id        bigint

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE
    sale_id = $4::bigint AND number < $1::bigint
    AND (NOT $2::boolean OR code IS NULL AND refused IS NULL)
ORDER BY number DESC
LIMIT $3::bigint
