-- set_paused: stops a sale for now, or lets it go on.
--
-- $1 sale_id   bigint
-- $2 paused    boolean
--
-- Returns the sale, or nothing if there is none or it is closed.

UPDATE sales
SET state = CASE WHEN $2::boolean THEN 'paused' ELSE 'active' END::sale_state
WHERE id = $1::bigint AND closed_at IS NULL
RETURNING id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state
