-- cancel_purchase: marks a receipt as one of a purchase that was cancelled.
--
-- ?1 id   ?2 now   ?3 reason

UPDATE purchases SET cancelled_at = ?2, cancel_reason = ?3 WHERE id = ?1 AND cancelled_at IS NULL
