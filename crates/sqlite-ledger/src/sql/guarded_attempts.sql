-- guarded_attempts: the attempts with codes of the sales whose codes are not filed. What has ended
-- may be filed already. A sale that was never loaded has no codes.

SELECT
    attempt.id, attempt.code, attempt.sale_id, attempt.state, attempt.unit, attempt.slot,
    attempt.expires_at, attempt.user_id
FROM checkout_attempts AS attempt
CROSS JOIN sales AS sale ON sale.id = attempt.sale_id AND NOT sale.filed
WHERE
    attempt.id >= (SELECT min(first_attempt) FROM sales WHERE NOT filed AND epoch > 0)
    AND attempt.code IS NOT NULL
    AND NOT (
        attempt.state IN ('expired', 'released', 'cancelled', 'void')
        AND EXISTS (SELECT 1 FROM codes AS filed WHERE filed.code = attempt.code)
    )
