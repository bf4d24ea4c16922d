-- identity: who this ledger is, in 32 hexadecimal digits.

SELECT replace(identity::text, '-', '') AS identity
FROM ledger_identity
