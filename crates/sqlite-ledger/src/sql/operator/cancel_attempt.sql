-- cancel_attempt: writes down that what was sold is so no more. Nothing happens where it is not sold.
--
-- ?1 id   ?2 now

UPDATE checkout_attempts SET state = 'cancelled', changed_at = ?2 WHERE id = ?1 AND state = 'sold'
