-- set_paused: stops a sale for now, or lets it go on.
--
-- ?1 sale_id   ?2 state   'paused' or 'active'
--
-- Returns the sale, or nothing if there is none or it is closed.

UPDATE sales
SET state = ?2
WHERE id = ?1 AND closed_at IS NULL
RETURNING id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, state,
    salt, product_id
