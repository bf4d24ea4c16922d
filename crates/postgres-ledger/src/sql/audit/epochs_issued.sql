-- epochs_issued: grants of an epoch that their sale has not reached: the ledger went back.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %s: at epoch %s, but unit %s was granted to %s at epoch %s', attempt.sale_id,
        coalesce(sale.epoch::text, 'none'), attempt.unit, attempt.user_id, attempt.epoch
    ) AS found
FROM checkout_attempts AS attempt
LEFT JOIN sales AS sale ON sale.id = attempt.sale_id
WHERE
    attempt.outcome = 'granted'
    AND (attempt.epoch BETWEEN 1 AND sale.epoch) IS NOT TRUE
    AND ($1::bigint IS NULL OR attempt.sale_id = $1::bigint)
ORDER BY attempt.sale_id, attempt.unit
LIMIT $2::bigint
