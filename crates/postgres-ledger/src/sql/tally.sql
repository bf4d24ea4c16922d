-- tally: how many units of a sale are held and sold, at one moment.
--
-- $1 sale_id   bigint
--
-- A closed sale has no hold, so nothing is counted for it.

SELECT
    sale.epoch,
    clock_timestamp() AS now,
    coalesce((SELECT sum(count.sold) FROM sold_counts AS count WHERE count.sale_id = sale.id), 0)
        AS sold,
    CASE
        WHEN sale.closed_at IS NULL THEN (
            SELECT count(*) FROM checkout_attempts AS attempt
            WHERE attempt.sale_id = sale.id AND attempt.live AND attempt.state = 'held'
        )
        ELSE 0
    END AS held
FROM sales AS sale
WHERE sale.id = $1::bigint
