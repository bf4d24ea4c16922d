-- read_code: what the ledger has of a code, with its purchase if it is sold.
--
-- ?1 code

SELECT
    attempt.sale_id, attempt.state, attempt.unit,
    purchase.user_id, purchase.item_name, purchase.item_image, purchase.purchased_at
FROM checkout_attempts AS attempt
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
WHERE attempt.code = ?1
