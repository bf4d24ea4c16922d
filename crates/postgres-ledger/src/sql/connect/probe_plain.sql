-- probe_plain: whether the server takes writes, where a role may not learn all of its cluster and its
-- timeline; what it may, is asked by itself.
SELECT pg_is_in_recovery() AS is_standby, NULL AS system, NULL AS timeline,
       extract(epoch FROM pg_postmaster_start_time()) AS started,
       (extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) * 1000)::bigint AS age_ms,
       current_setting('server_version_num') AS version
