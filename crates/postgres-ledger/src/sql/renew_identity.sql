-- renew_identity: makes this ledger another one, and says which, in 32 hexadecimal digits.

UPDATE ledger_identity
SET identity = gen_random_uuid()
RETURNING replace(identity::text, '-', '') AS identity
