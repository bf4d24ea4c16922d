-- keys_once: idempotency keys of a user that name more than one attempt at a sale.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most that are told

SELECT
    count(*) OVER () AS breaches,
    format('sale %s: key %s of %s names %s attempts', sale_id, idempotency_key, user_id, count(*))
        AS found
FROM (
    -- Sorting by the rules of a language would take several times as long.
    SELECT sale_id, user_id COLLATE "C" AS user_id, idempotency_key COLLATE "C" AS idempotency_key
    FROM checkout_attempts
    WHERE idempotency_key IS NOT NULL AND ($1::bigint IS NULL OR sale_id = $1::bigint)
) AS named
GROUP BY sale_id, user_id, idempotency_key
HAVING count(*) > 1
ORDER BY sale_id, user_id, idempotency_key
LIMIT $2::bigint
