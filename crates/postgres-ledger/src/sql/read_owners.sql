-- read_owners: whom codes were given to.
--
-- $1 codes   uuid[]
--
-- Returns a row for each code that was given to somebody: a tombstone has no user.

SELECT code, user_id
FROM checkout_attempts
WHERE code = ANY ($1::uuid[]) AND state <> 'void'
