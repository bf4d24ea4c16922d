-- look_back: how many answers the ledger does not have any more.
--
-- $1 codes   uuid[]      that were answered as held or sold
-- $2 sold    boolean[]   whether as sold, for each

SELECT count(*) AS lost
FROM unnest($1::uuid[], $2::boolean[]) AS answered (code, is_sold)
LEFT JOIN checkout_attempts AS attempt ON attempt.code = answered.code
WHERE attempt.code IS NULL
    -- Since it was lost, another process has made a tombstone of it.
    OR attempt.state = 'void'
    -- What was sold may be cancelled since, and is nothing else.
    OR (answered.is_sold AND attempt.state NOT IN ('sold', 'cancelled'))
