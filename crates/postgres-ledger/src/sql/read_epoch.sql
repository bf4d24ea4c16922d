-- read_epoch: the epoch of a sale, as it is now.
--
-- $1 sale_id   bigint

SELECT epoch
FROM sales
WHERE id = $1::bigint
