-- keys_once: idempotency keys of a user that name more than one attempt at a sale.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most that are told

SELECT
    count(*) OVER () AS breaches,
    format('sale %d: key %s of %s names %d attempts', sale_id, idempotency_key, user_id, count(*))
        AS found
FROM checkout_attempts NOT INDEXED
WHERE idempotency_key IS NOT NULL AND (?1 IS NULL OR sale_id = ?1)
GROUP BY sale_id, user_id, idempotency_key
HAVING count(*) > 1
ORDER BY sale_id, user_id, idempotency_key
LIMIT ?2
