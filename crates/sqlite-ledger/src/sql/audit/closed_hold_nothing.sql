-- closed_hold_nothing: holds of sales that are closed, which nobody would end any more.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

SELECT
    count(*) OVER () AS breaches,
    format('sale %d: closed, but unit %d is held for %s', sale.id, attempt.unit, attempt.user_id)
        AS found
FROM checkout_attempts AS attempt
JOIN sales AS sale ON sale.id = attempt.sale_id
WHERE
    attempt.state = 'held'
    AND sale.closed_at IS NOT NULL
    AND (?1 IS NULL OR attempt.sale_id = ?1)
ORDER BY sale.id, attempt.unit
LIMIT ?2
