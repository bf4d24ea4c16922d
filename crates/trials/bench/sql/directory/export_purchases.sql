-- export_purchases: the purchases of a closed sale that are not there yet.
--
-- ?1 sale_id   ?2 attempts that have theirs

INSERT INTO purchases
    (sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image)
SELECT
    sale_id, unit, slot, changed_at, code, user_id, 'Fading Copper Lantern no. ' || unit,
    '/items/' || sale_id || '/' || unit || '.svg'
FROM checkout_attempts
WHERE id > ?2 AND sale_id = ?1 AND state = 'sold'
