-- read_minutes: how a sale went, the last minute first.
--
-- ?1 sale_id   ?2 from   ?3 limit

SELECT
    minute, max(sold) AS sold, max(held) AS held, sum(checkouts) AS checkouts, sum(refused) AS refused
FROM sale_minutes
WHERE sale_id = ?1 AND minute >= ?2
GROUP BY minute
ORDER BY minute DESC
LIMIT ?3
