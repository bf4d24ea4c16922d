-- probe_plain: whether the server takes writes, where a role may not learn which server it is.
SELECT pg_is_in_recovery() AS is_standby, NULL AS system, NULL AS timeline
