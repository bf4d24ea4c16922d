-- inspect_holders: the holds that a unit had, the first one first.
--
-- $1 first_code   uuid          the codes of the sale lie together in their index
-- $2 last_code    uuid
-- $3 unit         integer
-- $4 from         timestamptz   null for the first
-- $5 past         bigint        rows of that moment that are past
-- $6 limit        bigint

SELECT
    sale_id, attempted_at, outcome::text AS outcome, code, user_id, unit, slot, epoch, expires_at,
    state::text AS state, resolved_at,
    (extract(epoch FROM attempted_at) * 1000000)::bigint AS at
FROM checkout_attempts
WHERE
    code >= $1 AND code <= $2 AND unit = $3 AND outcome = 'granted'
    AND attempted_at >= coalesce($4::timestamptz, '-infinity')
ORDER BY attempted_at, code
OFFSET $5
LIMIT $6
