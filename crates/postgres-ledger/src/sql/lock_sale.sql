-- lock_sale: keeps attempts at a sale from being recorded until this transaction ends, having
-- waited for those that are.
--
-- Postgres lets those who share a row's lock pass one who waits for it alone, so under load this
-- may run into the lock time-out and be tried again: docs/decisions/07.
--
-- $1 sale_id   bigint
--
-- epoch_age_ms: since when the epoch stands, in milliseconds.

SELECT
    id, starts_at, ends_at, hold_ms, epoch, stock, per_user_limit, on_timetable, salt, product_id,
    state::text AS state,
    CASE
        WHEN isfinite(epoch_at)
            THEN (extract(epoch FROM clock_timestamp() - epoch_at) * 1000)::bigint
    END AS epoch_age_ms,
    ends_at <= clock_timestamp() AS is_over
FROM sales
WHERE id = $1::bigint
FOR UPDATE
