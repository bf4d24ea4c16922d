-- bury_missing: writes a tombstone for a code that has no record, so that one that comes later is
-- refused.
--
-- ?1 sale_id   ?2 code   ?3 now

INSERT INTO checkout_attempts (sale_id, code, state, live, attempted_at)
VALUES (?1, ?2, 'void', 0, ?3)
ON CONFLICT DO NOTHING
