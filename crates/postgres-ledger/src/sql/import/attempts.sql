-- attempts: writes attempts that another ledger had, in their order.
--
-- $1 sale_ids       bigint[]
-- $2 attempted_at   timestamptz[]
-- $3 codes          uuid[]          null where there is none, like all that follow
-- $4 expires_at     timestamptz[]
-- $5 resolved_at    timestamptz[]
-- $6 epochs         bigint[]
-- $7 units          integer[]
-- $8 outcomes       text[]
-- $9 states         text[]
-- $10 slots         smallint[]
-- $11 user_ids      text[]

INSERT INTO checkout_attempts
    (sale_id, attempted_at, code, expires_at, resolved_at, epoch, unit, outcome, state, slot, user_id)
SELECT
    row.sale_id, row.attempted_at, row.code, row.expires_at, row.resolved_at, row.epoch, row.unit,
    row.outcome::attempt_outcome, row.state::hold_state, row.slot, row.user_id
FROM unnest(
    $1::bigint[], $2::timestamptz[], $3::uuid[], $4::timestamptz[], $5::timestamptz[],
    $6::bigint[], $7::integer[], $8::text[], $9::text[], $10::smallint[], $11::text[]
) WITH ORDINALITY AS row (
    sale_id, attempted_at, code, expires_at, resolved_at, epoch, unit, outcome, state, slot,
    user_id, place
)
ORDER BY row.place
