-- inspect_units: the units that a user has, and those whose purchase was cancelled, those of the newest sale first.
-- Whoever has no guard reads what was recorded since the first of the sales that are not closed was made.
--
-- ?1 user_id   ?2 sale_id   null for all   ?3 from   the sale to begin with   ?4 past   units of that
-- sale that are past   ?5 limit

SELECT
    sale_id, slot, unit, code, user_id, expires_at, NULL AS purchased_at, NULL AS item_name,
    NULL AS item_image, NULL AS product_version, NULL AS cancelled_at, NULL AS cancel_reason
FROM checkout_attempts
WHERE
    id >= (SELECT min(first_attempt) FROM sales WHERE closed_at IS NULL)
    AND state = 'held' AND user_id = ?1
    AND (?2 IS NULL OR sale_id = ?2) AND sale_id <= ?3
UNION ALL
SELECT
    purchase.sale_id, purchase.slot, purchase.unit, purchase.code, purchase.user_id, NULL,
    purchase.purchased_at, purchase.item_name, purchase.item_image, purchase.product_version,
    purchase.cancelled_at, purchase.cancel_reason
FROM sales AS sale
CROSS JOIN purchases AS purchase ON purchase.sale_id = sale.id AND purchase.user_id = ?1
    AND purchase.cancelled_at IS NULL
WHERE (?2 IS NULL OR sale.id = ?2) AND sale.id <= ?3
UNION ALL
SELECT
    sale_id, slot, unit, code, user_id, NULL, purchased_at, item_name, item_image, product_version,
    cancelled_at, cancel_reason
FROM purchases INDEXED BY purchases_cancelled_of
WHERE cancelled_at IS NOT NULL AND user_id = ?1 AND (?2 IS NULL OR sale_id = ?2) AND sale_id <= ?3
-- By the slot, and then by when it was bought: what stands was bought after what was cancelled.
ORDER BY 1 DESC, 2, 7 NULLS LAST, 4
LIMIT ?5 OFFSET ?4
