-- record_end: writes down that a hold has ended, and how.
--
-- ?1 id   ?2 state   ?3 now

UPDATE checkout_attempts SET state = ?2, changed_at = ?3 WHERE id = ?1
