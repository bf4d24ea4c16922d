-- codes_once: codes with more than one record.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %s: %s records of code %s..', min(sale_id), count(*), left(code::text, 13))
        AS found
FROM checkout_attempts
WHERE code IS NOT NULL AND ($1::bigint IS NULL OR sale_id = $1::bigint)
GROUP BY code
HAVING count(*) > 1
ORDER BY min(sale_id), code
LIMIT $2::bigint
