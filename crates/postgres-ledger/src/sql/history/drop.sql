-- drop_minutes: takes out what was written before a minute, some rows at a time.
--
-- $1 before   timestamptz
-- $2 limit    bigint

WITH dropped AS (
    DELETE FROM sale_minutes
    USING (
        SELECT sale_id, minute, process
        FROM sale_minutes
        WHERE minute < $1::timestamptz
        ORDER BY minute
        LIMIT $2::bigint
    ) AS old
    WHERE
        sale_minutes.sale_id = old.sale_id AND sale_minutes.minute = old.minute
        AND sale_minutes.process = old.process
    RETURNING sale_minutes.sale_id
)
SELECT count(*) AS dropped FROM dropped
