-- highest_live: the highest unit of a sale that is on hold or sold. The sale's row is locked.
--
-- $1 sale_id   bigint

SELECT unit
FROM checkout_attempts
WHERE sale_id = $1::bigint AND live
ORDER BY unit DESC
LIMIT 1
