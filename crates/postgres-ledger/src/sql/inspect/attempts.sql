-- inspect_attempts: all that a user asked for, the last first. Reads the whole table.
--
-- $1 user_id   text
-- $2 sale_id   bigint        null for all
-- $3 from      timestamptz   null for the last
-- $4 past      bigint        rows of that moment that are past
-- $5 limit     bigint

SELECT
    sale_id, attempted_at, outcome::text AS outcome, code, user_id, unit, slot, epoch, expires_at,
    state::text AS state, resolved_at,
    (extract(epoch FROM attempted_at) * 1000000)::bigint AS at
FROM checkout_attempts
WHERE
    user_id = $1 AND outcome IS NOT NULL
    AND ($2::bigint IS NULL OR sale_id = $2)
    AND attempted_at <= coalesce($3::timestamptz, 'infinity')
-- Those of one moment that come together by this are the same.
ORDER BY attempted_at DESC, code, sale_id, outcome
OFFSET $4
LIMIT $5
