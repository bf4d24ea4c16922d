-- probe: which server this is, and whether it takes writes. The timeline rises with each promotion; no
-- two servers have begun at the same microsecond.
SELECT pg_is_in_recovery() AS is_standby,
       (SELECT system_identifier FROM pg_control_system()) AS system,
       CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       END AS timeline,
       extract(epoch FROM pg_postmaster_start_time()) AS started,
       (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::bigint AS age_ms,
       current_setting('server_version_num') AS version
