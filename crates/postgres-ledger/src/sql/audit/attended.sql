-- attended: whether a process of the service has been connected for so long.
--
-- $1 for_ms   bigint
--
-- It is known by the name it gives the server, which is this session's too.

SELECT EXISTS (
    SELECT
    FROM pg_stat_activity
    WHERE
        datname = current_database()
        AND application_name = current_setting('application_name')
        AND pid <> pg_backend_pid()
        AND backend_start < clock_timestamp() - $1::bigint * interval '1 millisecond'
) AS is_attended
