-- drop_minutes: takes out what was written before a minute, some rows at a time.
--
-- ?1 before   ?2 limit

DELETE FROM sale_minutes
WHERE (sale_id, minute, process) IN (
    SELECT sale_id, minute, process FROM sale_minutes WHERE minute < ?1 ORDER BY minute LIMIT ?2
)
