-- sold_counted: sales whose counters do not add up to their holds and the purchases that stand.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return

WITH bought AS MATERIALIZED (
    SELECT sale_id, count(*) AS units FROM purchases NOT INDEXED
    WHERE cancelled_at IS NULL
    GROUP BY sale_id
),
taken AS MATERIALIZED (
    SELECT sale_id, count(*) AS units
    FROM checkout_attempts
    WHERE state = 'held'
    GROUP BY sale_id
),
counted AS (
    SELECT
        sale.id AS sale_id, sale.sold, sale.held,
        coalesce((SELECT units FROM bought WHERE bought.sale_id = sale.id), 0) AS purchases,
        coalesce((SELECT units FROM taken WHERE taken.sale_id = sale.id), 0) AS holds
    FROM sales AS sale
    UNION ALL
    SELECT sale_id, 0, 0, units, 0 FROM bought WHERE sale_id NOT IN (SELECT id FROM sales)
)
SELECT
    count(*) OVER () AS breaches,
    CASE
        WHEN sold <> purchases
            THEN format('sale %d: %d counted, %d purchases', sale_id, sold, purchases)
        ELSE format('sale %d: %d counted on hold, %d holds', sale_id, held, holds)
    END AS found
FROM counted
WHERE (sold <> purchases OR held <> holds) AND (?1 IS NULL OR sale_id = ?1)
ORDER BY sale_id
LIMIT ?2
