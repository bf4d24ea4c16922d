-- epochs_issued: grants of an epoch that their sale has not reached: the ledger went back.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: at epoch %s, but unit %d was granted to %s at epoch %d', attempt.sale_id,
        coalesce(sale.epoch, 'none'), attempt.unit, attempt.user_id, attempt.epoch
    ) AS found
FROM checkout_attempts AS attempt
LEFT JOIN sales AS sale ON sale.id = attempt.sale_id
WHERE
    attempt.outcome = 'granted'
    AND (attempt.epoch BETWEEN 1 AND sale.epoch) IS NOT TRUE
    AND (?1 IS NULL OR attempt.sale_id = ?1)
ORDER BY attempt.sale_id, attempt.unit
LIMIT ?2
