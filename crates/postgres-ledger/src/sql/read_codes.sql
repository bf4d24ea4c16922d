-- read_codes: what the ledger has of codes.
--
-- $1 codes   uuid[]
--
-- Returns a row for each code that has a record, with its purchase if it was redeemed.

SELECT
    attempt.code, attempt.sale_id, attempt.state::text AS state, attempt.unit, attempt.expires_at,
    purchase.user_id, purchase.item_name, purchase.item_image, purchase.product_version,
    purchase.purchased_at, purchase.cancelled_at, purchase.cancel_reason
FROM checkout_attempts AS attempt
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
WHERE attempt.code = ANY ($1::uuid[])
