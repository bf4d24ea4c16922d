-- export_attempts: every attempt at a sale, in the order in which they were recorded. Reads the whole
-- table: no index leads to refusals.
--
-- $1 sale_id   bigint
-- $2 from      timestamptz   null for the first
-- $3 before    bigint        rows of that moment before the first of these

SELECT
    sale_id, attempted_at, outcome::text AS outcome, code, user_id, unit, slot, epoch, expires_at,
    state::text AS state, resolved_at,
    (extract(epoch FROM attempted_at) * 1000000)::bigint AS at
FROM checkout_attempts
WHERE
    sale_id = $1 AND outcome IS NOT NULL
    AND attempted_at >= coalesce($2::timestamptz, '-infinity')
-- Those of one moment that come together by this are the same. By their states they are not put in
-- order, for those change.
ORDER BY attempted_at, code, user_id COLLATE "C", outcome
OFFSET $3
