-- probe_timeline: the timeline of a server that takes writes, which rises with each promotion.
SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int AS timeline
