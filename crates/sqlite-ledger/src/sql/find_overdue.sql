-- find_overdue: the holds of sales that are not closed that were due before a moment.
--
-- ?1 due_before   ?2 limit

SELECT attempt.code
FROM checkout_attempts AS attempt
JOIN sales AS sale ON sale.id = attempt.sale_id
WHERE attempt.state = 'held' AND attempt.expires_at < ?1 AND sale.closed_at IS NULL
ORDER BY attempt.expires_at
LIMIT ?2
