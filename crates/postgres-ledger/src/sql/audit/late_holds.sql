-- late_holds: holds that stand although they are long due.
--
-- $1 sale_id   bigint   or null for every sale
-- $2 rows      bigint   the most to return
-- $3 late_ms   bigint   how long after its time a hold may stand

SELECT
    count(*) OVER () AS breaches,
    format('sale %s: unit %s of %s was due at %s', sale_id, unit, user_id, expires_at) AS found
FROM checkout_attempts
WHERE
    state = 'held'
    AND expires_at < clock_timestamp() - $3::bigint * interval '1 millisecond'
    AND ($1::bigint IS NULL OR sale_id = $1::bigint)
ORDER BY expires_at, code
LIMIT $2::bigint
