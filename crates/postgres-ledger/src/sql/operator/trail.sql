-- trail: the newest rows of the trail below a number.
--
-- $1 before         bigint
-- $2 changes_only   boolean
-- $3 limit          bigint

SELECT
    number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
    after, refused
FROM operator_actions
WHERE number < $1::bigint AND (NOT $2::boolean OR code IS NULL AND refused IS NULL)
ORDER BY number DESC
LIMIT $3::bigint
