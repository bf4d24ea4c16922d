-- raise_epoch: starts the next generation of a sale's live state. The row is locked already.
--
-- $1 sale_id   bigint

UPDATE sales
SET epoch = epoch + 1, epoch_at = clock_timestamp()
WHERE id = $1::bigint
