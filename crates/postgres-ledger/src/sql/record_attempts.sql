-- record_attempts: writes down a batch of attempts, granted and refused, in one statement.
--
-- $1 sale_ids    bigint[]     granted: the sales
-- $2 user_ids    text[]       the users
-- $3 codes       uuid[]
-- $4 units       integer[]
-- $5 slots       smallint[]
-- $6 epochs      bigint[]     of the live state that granted
-- $7 sale_ids    bigint[]     refused: the sales
-- $8 user_ids    text[]       the users
-- $9 outcomes    text[]       names of attempt_outcome
--
-- Returns code and expires_at of the grants that got in. A grant that is missing is there
-- already, or is of another epoch, or its unit or slot is live under another code.

WITH fence AS MATERIALIZED (
    -- A rebuild locks the row for update: it waits for this statement, or this statement for it,
    -- and then sees the epoch it raised.
    SELECT id, epoch, hold_ms, stock, per_user_limit
    FROM sales
    WHERE id = ANY ($1::bigint[])
    ORDER BY id
    FOR KEY SHARE
),
refused AS (
    INSERT INTO checkout_attempts (sale_id, user_id, outcome)
    SELECT refusal.sale_id, refusal.user_id, refusal.outcome::attempt_outcome
    FROM unnest($7::bigint[], $8::text[], $9::text[]) AS refusal (sale_id, user_id, outcome)
)
INSERT INTO checkout_attempts
    (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at)
SELECT
    hold.sale_id, hold.user_id, 'granted', hold.code, hold.unit, hold.slot, hold.epoch, 'held',
    clock_timestamp() + fence.hold_ms * interval '1 millisecond'
FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::integer[], $5::smallint[], $6::bigint[])
    AS hold (sale_id, user_id, code, unit, slot, epoch)
JOIN fence ON fence.id = hold.sale_id AND fence.epoch = hold.epoch
WHERE hold.unit <= fence.stock AND hold.slot < fence.per_user_limit
-- The same order in every batch, so that batches that meet wait instead of deadlocking.
ORDER BY hold.sale_id, hold.unit
ON CONFLICT DO NOTHING
RETURNING code, expires_at
