-- record_tombstone: writes down that a code was judged before its record came.
--
-- ?1 id   ?2 sale_id   ?3 code   ?4 now

INSERT INTO checkout_attempts (id, sale_id, code, attempted_at, state)
VALUES (?1, ?2, ?3, ?4, 'void')
