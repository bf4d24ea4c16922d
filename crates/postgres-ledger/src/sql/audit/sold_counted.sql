-- sold_counted: sales whose counters do not add up to their purchases.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return

SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %s: %s counted, %s purchases',
        sale_id, coalesce(counted.sold, 0), coalesce(bought.sold, 0)
    ) AS found
FROM (SELECT sale_id, sum(sold) AS sold FROM sold_counts GROUP BY sale_id) AS counted
FULL JOIN (SELECT sale_id, count(*) AS sold FROM purchases GROUP BY sale_id) AS bought
    USING (sale_id)
WHERE
    coalesce(counted.sold, 0) <> coalesce(bought.sold, 0)
    AND ($1::bigint IS NULL OR sale_id = $1::bigint)
ORDER BY sale_id
LIMIT $2::bigint
