-- unaware: whether a process serves from this ledger that does not know what a cancelled purchase is.
--
-- $1 serving   bigint   the lock that each process shares which serves from this ledger
-- $2 aware     bigint   the lock that each of those shares which knows

WITH lock AS MATERIALIZED (
    SELECT pid, (classid::bigint << 32) | objid::bigint AS name
    FROM pg_locks
    WHERE
        granted
        AND locktype = 'advisory' AND objsubid = 1
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
)
SELECT EXISTS (
    SELECT
    FROM lock AS serving
    WHERE
        serving.name = $1::bigint
        AND serving.pid NOT IN (SELECT aware.pid FROM lock AS aware WHERE aware.name = $2::bigint)
) AS serves_unaware
