-- old_purchases: the purchases of a closed sale.
--
-- ?1 sale_id

INSERT INTO purchases
    (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
SELECT
    sale_id, unit, slot, changed_at, code, user_id, 'Fading Copper Lantern no. ' || unit,
    '/items/' || sale_id || '/' || unit || '.svg'
FROM checkout_attempts
WHERE id >= (SELECT first_attempt FROM sales WHERE id = ?1) AND sale_id = ?1 AND state = 'sold'
