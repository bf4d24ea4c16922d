-- close_sale: closes a sale that is over and has no hold left. The row is locked already. The
-- epoch is raised with it, so that no grant can be recorded any more.
--
-- $1 sale_id   bigint
--
-- Returns a row if the sale is closed now.

UPDATE sales AS sale
SET state = 'closed', closed_at = clock_timestamp(), epoch = epoch + 1, epoch_at = clock_timestamp()
WHERE
    sale.id = $1::bigint
    AND sale.closed_at IS NULL
    AND NOT EXISTS (
        SELECT FROM checkout_attempts AS attempt
        WHERE attempt.sale_id = sale.id AND attempt.live AND attempt.state = 'held'
    )
RETURNING sale.id
