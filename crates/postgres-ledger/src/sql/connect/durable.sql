-- durable: what the server does with a write now. It goes by its configuration as it was last read. How
-- many standbys confirm it is shown to roles that may read all statistics, and for show alone: it is so
-- now, and may not be when a commit waits.
SELECT current_setting('fsync') AS fsync,
       current_setting('synchronous_standby_names') AS standbys,
       CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE')
            THEN (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum'))
       END AS confirming
