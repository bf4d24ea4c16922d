-- may_close: whether a sale looks as if it could be closed, or is closed: asked before its row is
-- locked, so that nobody is kept waiting where it is not.
--
-- $1 sale_id   bigint
-- $2 firsts    integer[]   ranges of units: all but those that are known to be sold
-- $3 lasts     integer[]

SELECT
    sale.closed_at IS NOT NULL OR (
        sale.ends_at <= clock_timestamp()
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
    ) AS may_close
FROM sales AS sale
WHERE sale.id = $1::bigint
