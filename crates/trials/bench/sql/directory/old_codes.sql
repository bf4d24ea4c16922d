-- old_codes: where the codes of a closed sale are.
--
-- ?1 sale_id

INSERT INTO codes (code, attempt, purchase)
SELECT attempt.code, attempt.id, purchase.id
FROM checkout_attempts AS attempt
JOIN purchases AS purchase ON purchase.sale_id = attempt.sale_id AND purchase.unit = attempt.unit
WHERE
    attempt.id >= (SELECT first_attempt FROM sales WHERE id = ?1)
    AND attempt.sale_id = ?1
    AND attempt.state = 'sold'
ORDER BY attempt.code
