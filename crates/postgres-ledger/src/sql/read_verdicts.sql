-- read_verdicts: what the ledger decided of codes.
--
-- $1 codes   uuid[]
--
-- left_ms: how much longer a hold is live, in milliseconds, at least 1.

SELECT
    code, state::text AS state, unit,
    greatest(1, ceil(extract(epoch FROM expires_at - clock_timestamp()) * 1000))::bigint AS left_ms
FROM checkout_attempts
WHERE code = ANY ($1::uuid[])
