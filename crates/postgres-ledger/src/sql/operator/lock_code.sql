-- lock_code: keeps what a code is as it is until this transaction ends.
--
-- $1 code   uuid

SELECT code
FROM checkout_attempts
WHERE code = $1::uuid
FOR UPDATE
