-- raise_epoch: starts the next generation of a sale's live state.
--
-- ?1 sale_id   ?2 now

UPDATE sales SET epoch = epoch + 1, epoch_at = ?2 WHERE id = ?1
