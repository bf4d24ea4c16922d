-- serving: who serves from this ledger.
--
-- $1 serving   bigint   the lock that each process shares which serves from this ledger

SELECT
    string_agg(
        DISTINCT format(
            '%s at %s',
            coalesce(nullif(holder.application_name, ''), 'unnamed'),
            CASE
                WHEN holder.backend_start IS NULL THEN 'an address that this role may not see'
                ELSE coalesce(host(holder.client_addr), 'the server itself')
            END
        ),
        ', '
    ) AS holders
FROM pg_locks AS lock
JOIN pg_stat_activity AS holder ON holder.pid = lock.pid
WHERE
    lock.granted
    AND lock.locktype = 'advisory' AND lock.objsubid = 1
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND ((lock.classid::bigint << 32) | lock.objid::bigint) = $1::bigint
