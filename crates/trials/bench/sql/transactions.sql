-- transactions: how many this database has ended so far, well or not.

SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()
