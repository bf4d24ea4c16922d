-- look: what a barrier tells, without its write, for whoever only looks.
SELECT pg_backend_pid() AS backend,
       current_setting('lock_timeout') AS lock_timeout,
       current_setting('fsync') AS fsync,
       current_setting('synchronous_standby_names') AS standbys
