-- cancel_purchase: ends a purchase: its record is marked, its hold is no more sold, and the count of its sale goes down,
-- also where that is closed. The sale's row and the code's are locked already.
--
-- $1 sale_id   bigint
-- $2 code      uuid
-- $3 reason    text
-- $4 epoch     bigint   of the sale from now on; null of one that is closed
--
-- Returns the code, or nothing if it is not sold. Nobody loads this epoch, so it is not noted when it was raised: no rebuild
-- is kept waiting for it.

WITH ended AS (
    UPDATE checkout_attempts
    SET state = 'cancelled', resolved_at = clock_timestamp()
    WHERE code = $2::uuid AND state = 'sold'
    RETURNING sale_id, resolved_at
),
counted AS (
    INSERT INTO sold_counts (sale_id, writer, sold)
    SELECT sale_id, pg_backend_pid(), -1 FROM ended
    ON CONFLICT (sale_id, writer) DO UPDATE SET sold = sold_counts.sold + excluded.sold
),
outdated AS (
    UPDATE sales
    SET epoch = coalesce($4::bigint, epoch), sold = sold - 1
    WHERE id = $1::bigint AND EXISTS (SELECT FROM ended)
)
UPDATE purchases
SET cancelled_at = (SELECT resolved_at FROM ended), cancel_reason = $3::text
WHERE code = $2::uuid AND cancelled_at IS NULL AND EXISTS (SELECT FROM ended)
RETURNING code
