-- applied: the migrations that were applied here, as they were then.

SELECT version, name, checksum FROM refinery_schema_history
