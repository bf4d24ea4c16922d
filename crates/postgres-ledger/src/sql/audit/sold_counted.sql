-- sold_counted: sales whose counters, or whose figure if they are closed, do not add up to their
-- purchases that stand.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

WITH bought AS MATERIALIZED (
    SELECT sale_id, count(*) AS sold FROM purchases WHERE cancelled_at IS NULL GROUP BY sale_id
),
apart AS (
    SELECT
        sale_id,
        format('%s counted, %s purchases', coalesce(counted.sold, 0), coalesce(bought.sold, 0))
            AS found
    FROM (SELECT sale_id, sum(sold) AS sold FROM sold_counts GROUP BY sale_id) AS counted
    FULL JOIN bought USING (sale_id)
    WHERE coalesce(counted.sold, 0) <> coalesce(bought.sold, 0)
    UNION ALL
    SELECT sale.id, format('closed with %s sold, %s purchases', sale.sold, coalesce(bought.sold, 0))
    FROM sales AS sale
    LEFT JOIN bought ON bought.sale_id = sale.id
    WHERE sale.sold <> coalesce(bought.sold, 0)
)
SELECT count(*) OVER () AS breaches, format('sale %s: %s', sale_id, found) AS found
FROM apart
WHERE $1::bigint IS NULL OR sale_id = $1::bigint
ORDER BY sale_id, found
LIMIT $2::bigint
