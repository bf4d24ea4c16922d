-- note_minute: writes down how a sale stood at a minute, unless this process has.
--
-- ?1 sale_id   ?2 minute   ?3 process   ?4 sold   ?5 held   ?6 checkouts   ?7 refused

INSERT INTO sale_minutes (sale_id, minute, process, sold, held, checkouts, refused)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT DO NOTHING
