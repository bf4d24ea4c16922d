-- inspect_code: all that is recorded of a code.
--
-- $1 code   uuid

SELECT
    attempt.sale_id, attempt.attempted_at, attempt.outcome::text AS outcome, attempt.code,
    attempt.user_id, attempt.unit, attempt.slot, attempt.epoch, attempt.expires_at,
    attempt.state::text AS state, attempt.resolved_at,
    purchase.purchased_at, purchase.item_name, purchase.item_image, purchase.product_version,
    purchase.cancelled_at, purchase.cancel_reason
FROM checkout_attempts AS attempt
LEFT JOIN purchases AS purchase ON purchase.code = attempt.code
WHERE attempt.code = $1
