-- raise_epoch: starts the next generation of a sale's live state.
--
-- ?1 sale_id   ?2 now   ?3 epoch, above the one that stands

UPDATE sales SET epoch = ?3, epoch_at = ?2 WHERE id = ?1
