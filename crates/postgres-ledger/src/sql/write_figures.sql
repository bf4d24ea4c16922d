-- write_figures: writes down what closed sales have sold. Their rows are locked already, by a statement before this
-- one: whatever was cancelled by then is counted here. In the same statement it would be counted as it was
-- when that began, and written over what was cancelled meanwhile.
--
-- $1 sale_ids   bigint[]

UPDATE sales AS sale
SET sold = (
    SELECT coalesce(sum(count.sold), 0)::integer
    FROM sold_counts AS count
    WHERE count.sale_id = sale.id
)
WHERE sale.id = ANY($1::bigint[])
