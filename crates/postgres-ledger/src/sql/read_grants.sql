-- read_grants: what was granted under codes, whatever has become of it since.
--
-- $1 codes   uuid[]
--
-- Returns a row for each code that has a record; a tombstone has no unit.

SELECT code, state::text AS state, unit, slot, expires_at
FROM checkout_attempts
WHERE code = ANY ($1::uuid[])
