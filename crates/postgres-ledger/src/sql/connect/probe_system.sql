-- probe_system: the cluster that the server is of, as its standbys are.
SELECT system_identifier AS system FROM pg_control_system()
