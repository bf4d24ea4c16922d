-- attended: whether a process of the service is connected, which would end holds that are due.
--
-- It is known by the name it gives the server, which is this session's too.

SELECT EXISTS (
    SELECT
    FROM pg_stat_activity
    WHERE
        datname = current_database()
        AND application_name = current_setting('application_name')
        AND pid <> pg_backend_pid()
) AS is_attended
