-- records_whole: filed codes that lead elsewhere, and codes of filed sales that are not filed.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH broken AS (
    SELECT
        coalesce(attempt.sale_id, 0) AS sale_id,
        format(
            'code %s-%s.. is filed under attempt %d and purchase %s',
            lower(substr(hex(filed.code), 1, 8)), lower(substr(hex(filed.code), 9, 4)),
            filed.attempt, coalesce(filed.purchase, 'none')
        ) AS found
    FROM codes AS filed
    LEFT JOIN checkout_attempts AS attempt ON attempt.id = filed.attempt
    LEFT JOIN purchases AS purchase ON purchase.id = filed.purchase
    WHERE
        (?1 IS NULL OR attempt.sale_id = ?1)
        AND (
            attempt.code = filed.code
            AND purchase.code IS CASE WHEN attempt.state IN ('sold', 'cancelled') THEN filed.code END
        ) IS NOT TRUE
    UNION ALL
    SELECT sale.id, format('filed, but %d of its codes are not', count(*))
    FROM checkout_attempts AS attempt
    JOIN sales AS sale ON sale.id = attempt.sale_id AND sale.filed
    WHERE
        attempt.code IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM codes WHERE codes.code = attempt.code)
        AND (?1 IS NULL OR sale.id = ?1)
    GROUP BY sale.id
)
SELECT count(*) OVER () AS breaches, format('sale %d: %s', sale_id, found) AS found
FROM broken
ORDER BY sale_id, found
LIMIT ?2
