-- blocker: who has what a migration waits for: the turn, or for longest a lock on a table.
--
-- $1 turn   bigint   the advisory lock that migrations are run under
--
-- Returns one row, or none if it is gone already.

SELECT
    holder.pid,
    format(
        'session %s (%s, in a transaction for %s s)',
        holder.pid,
        coalesce(nullif(holder.application_name, ''), 'unnamed'),
        coalesce(extract(epoch FROM clock_timestamp() - holder.xact_start)::bigint, 0)
    ) AS blocker
FROM pg_locks AS lock
JOIN pg_stat_activity AS holder ON holder.pid = lock.pid
LEFT JOIN pg_class AS class ON lock.locktype = 'relation' AND class.oid = lock.relation
WHERE
    lock.granted
    AND lock.pid <> pg_backend_pid()
    AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (
        class.relnamespace = current_schema()::regnamespace
        OR (
            lock.locktype = 'advisory' AND lock.objsubid = 1
            AND ((lock.classid::bigint << 32) | lock.objid::bigint) = $1::bigint
        )
    )
ORDER BY lock.locktype = 'advisory' DESC, holder.xact_start NULLS LAST, holder.pid
LIMIT 1
