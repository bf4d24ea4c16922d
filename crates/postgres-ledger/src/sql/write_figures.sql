-- write_figures: writes down what closed sales have sold of which it is not: a version before this
-- one closed them.
--
-- $1 limit   bigint   how many sales at the most
--
-- One that another process has in hand is left to it.

WITH closed AS MATERIALIZED (
    SELECT id
    FROM sales
    WHERE closed_at IS NOT NULL AND sold IS NULL
    ORDER BY id
    LIMIT $1::bigint
    FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE sales AS sale
SET sold = (
    SELECT coalesce(sum(count.sold), 0)::integer
    FROM sold_counts AS count
    WHERE count.sale_id = sale.id
)
FROM closed
WHERE sale.id = closed.id
