-- codes_once: codes with more than one record.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: %d records of code %s-%s..', min(sale_id), count(*),
        lower(substr(hex(code), 1, 8)), lower(substr(hex(code), 9, 4))
    ) AS found
FROM checkout_attempts
WHERE code IS NOT NULL AND (?1 IS NULL OR sale_id = ?1)
GROUP BY code
HAVING count(*) > 1
ORDER BY min(sale_id), code
LIMIT ?2
