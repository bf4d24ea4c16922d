-- record_grants: writes down a batch of granted attempts, which are the holds, in one statement.
--
-- $1 sale_ids    bigint[]
-- $2 user_ids    text[]
-- $3 codes       uuid[]
-- $4 units       integer[]
-- $5 slots       smallint[]
-- $6 epochs      bigint[]     of the live state that granted
--
-- What follows it says what to do about a grant that is there already, or whose unit or slot
-- is live under another code. A grant of another epoch is left out, and so is one of a sale that is
-- paused or over: whoever stops a sale while the live store cannot be asked raises no epoch.

WITH fence AS MATERIALIZED (
    -- A rebuild locks the row for update: it waits for this statement, or this statement for it,
    -- and then sees the epoch it raised. So does whoever pauses or ends the sale.
    SELECT id, epoch, hold_ms, stock, per_user_limit, ends_at, state
    FROM sales
    WHERE id = ANY ($1::bigint[])
    ORDER BY id
    FOR KEY SHARE
)
INSERT INTO checkout_attempts
    (sale_id, user_id, outcome, code, unit, slot, epoch, state, expires_at)
SELECT
    hold.sale_id, hold.user_id, 'granted', hold.code, hold.unit, hold.slot, hold.epoch, 'held',
    clock_timestamp() + fence.hold_ms * interval '1 millisecond'
FROM unnest($1::bigint[], $2::text[], $3::uuid[], $4::integer[], $5::smallint[], $6::bigint[])
    AS hold (sale_id, user_id, code, unit, slot, epoch)
JOIN fence ON fence.id = hold.sale_id AND fence.epoch = hold.epoch
WHERE
    hold.unit <= fence.stock AND hold.slot < fence.per_user_limit
    AND fence.state = 'active' AND fence.ends_at > clock_timestamp()
-- The same order in every batch, so that batches that meet wait instead of deadlocking.
ORDER BY hold.sale_id, hold.unit
