-- barrier: a write that leaves nothing behind but a line of the log. The log is sequential: when this
-- is where an answer must be before it is given, so is all that could be seen before.
SELECT pg_logical_emit_message(true, 'flashsale', 'barrier') AS lsn,
       pg_backend_pid() AS backend,
       current_setting('lock_timeout') AS lock_timeout,
       current_setting('fsync') AS fsync,
       current_setting('synchronous_standby_names') AS standbys
