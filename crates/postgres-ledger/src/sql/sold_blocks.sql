-- sold_blocks: which blocks of a sale's units are sold, every unit of them.
--
-- $1 sale_id      bigint
-- $2 firsts       integer[]   ranges of units: all but those that are known to be sold
-- $3 lasts        integer[]
-- $4 block_size   integer     a block has this many units; the first has number 0
--
-- Returns their numbers. A unit that is sold stays so at the epoch of its sale.

SELECT sold.block
FROM unnest($2::integer[], $3::integer[]) AS unsold (first, last)
-- Each block is in one range.
CROSS JOIN LATERAL (
    SELECT (unit - 1) / $4::integer AS block
    FROM purchases
    WHERE
        sale_id = $1::bigint AND unit BETWEEN unsold.first AND unsold.last AND cancelled_at IS NULL
    GROUP BY 1
    HAVING count(*) = $4::integer
) AS sold
