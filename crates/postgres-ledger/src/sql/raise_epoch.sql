-- raise_epoch: starts the next generation of a sale's live state. The row is locked already.
--
-- $1 sale_id   bigint
-- $2 epoch     bigint, above the one that stands

UPDATE sales
SET epoch = $2::bigint, epoch_at = clock_timestamp()
WHERE id = $1::bigint
