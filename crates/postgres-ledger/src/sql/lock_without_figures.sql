-- lock_without_figures: closed sales of which it is not written down what they have sold: a version before this
-- one closed them. Until this transaction ends no purchase of them is cancelled.
--
-- $1 limit   bigint   how many sales at the most
--
-- One that another process has in hand, or an operator who cancels a purchase, is left out.

SELECT id
FROM sales
WHERE closed_at IS NOT NULL AND sold IS NULL
ORDER BY id
LIMIT $1::bigint
FOR NO KEY UPDATE SKIP LOCKED
