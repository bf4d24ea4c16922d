-- durable: what the server does with a write now. It goes by its configuration as it was last read.
SELECT current_setting('fsync') AS fsync,
       current_setting('synchronous_standby_names') AS standbys
