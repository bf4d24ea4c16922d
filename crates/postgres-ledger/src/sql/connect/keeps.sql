-- keeps: where the server keeps what it answers, as it is set now.
SELECT current_setting('fsync') AS fsync,
       current_setting('synchronous_standby_names') AS standbys
