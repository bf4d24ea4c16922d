-- renew_identity: makes this ledger another one, and says which, in 32 hexadecimal digits.
--
-- $1 serving   bigint   the lock that each process shares which serves from this ledger
--
-- Returns nothing if one does. None begins to until this transaction ends.

UPDATE ledger_identity
SET identity = gen_random_uuid()
WHERE pg_try_advisory_xact_lock($1::bigint)
RETURNING replace(identity::text, '-', '') AS identity
