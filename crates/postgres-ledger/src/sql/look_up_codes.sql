-- look_up_codes: what codes are now.
--
-- $1 codes   uuid[]
--
-- Returns a row for each code that was given to somebody: a tombstone has no user.

SELECT
    code, user_id, unit, expires_at, state::text AS state, resolved_at, clock_timestamp() AS now
FROM checkout_attempts
WHERE code = ANY ($1::uuid[]) AND state <> 'void'
