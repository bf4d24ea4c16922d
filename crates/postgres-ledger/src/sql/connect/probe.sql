-- probe: which server this is, and whether it takes writes. The timeline rises with each promotion.
SELECT pg_is_in_recovery() AS is_standby,
       (SELECT system_identifier FROM pg_control_system()) AS system,
       CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
       END AS timeline
