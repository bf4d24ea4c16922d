-- record_tombstones: writes a tombstone for each code that has no record, so that a record that
-- comes later is refused. Waits for a record that is being written.
--
-- $1 sale_id   bigint
-- $2 codes     uuid[]

INSERT INTO checkout_attempts (sale_id, code, state)
SELECT $1::bigint, missing.code, 'void'
FROM unnest($2::uuid[]) AS missing (code)
ORDER BY missing.code
ON CONFLICT DO NOTHING
