-- late_holds: holds that stand although they were due before a moment.
--
-- ?1 sale_id   or null for every sale   ?2 rows   the most to return   ?3 due_before

SELECT
    count(*) OVER () AS breaches,
    format(
        'sale %d: unit %d of %s was due at %s', sale_id, unit, user_id,
        strftime('%Y-%m-%dT%H:%M:%fZ', expires_at / 1000.0, 'unixepoch')
    ) AS found
FROM checkout_attempts
WHERE state = 'held' AND expires_at < ?3 AND (?1 IS NULL OR sale_id = ?1)
ORDER BY expires_at, code
LIMIT ?2
