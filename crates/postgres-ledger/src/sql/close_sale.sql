-- close_sale: closes a sale that is over and has no hold left. The row is locked already. The
-- epoch is raised with it, so that no grant can be recorded any more. What is sold is written down:
-- whoever sells a unit ends its hold in the same statement, so where no hold is left all is counted.
--
-- $1 sale_id   bigint
-- $2 firsts    integer[]   ranges of units: all but those that are known to be sold
-- $3 lasts     integer[]
--
-- Returns a row if the sale is closed now.

UPDATE sales AS sale
SET
    state = 'closed', closed_at = clock_timestamp(), epoch = epoch + 1,
    epoch_at = clock_timestamp(),
    sold = (
        SELECT coalesce(sum(count.sold), 0)::integer
        FROM sold_counts AS count
        WHERE count.sale_id = sale.id
    )
WHERE
    sale.id = $1::bigint
    AND sale.closed_at IS NULL
    AND NOT EXISTS (
        SELECT
        FROM unnest($2::integer[], $3::integer[]) AS unsold (first, last)
        CROSS JOIN LATERAL (
            SELECT
            FROM checkout_attempts
            WHERE
                sale_id = sale.id AND live AND unit BETWEEN unsold.first AND unsold.last
                AND state = 'held'
            -- In this order, so that the index of the units is the one to go by.
            ORDER BY unit
            LIMIT 1
        ) AS held
    )
RETURNING sale.id
