-- epoch_at: when the epoch of a sale was raised.
--
-- ?1 sale_id

SELECT epoch_at FROM sales WHERE id = ?1
