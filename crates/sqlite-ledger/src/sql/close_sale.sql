-- close_sale: closes a sale that is over and has no hold left. The epoch is raised with it, so that
-- no grant can be recorded any more.
--
-- ?1 sale_id   ?2 now

UPDATE sales
SET state = 'closed', closed_at = ?2, epoch = epoch + 1, epoch_at = ?2
WHERE id = ?1 AND closed_at IS NULL AND ends_at <= ?2 AND held = 0
