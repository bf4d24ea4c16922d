-- live_holds: every unit of every sale on hold, by another user each, and of the epoch that its sale
-- is at.

INSERT INTO checkout_attempts (
    sale_id, attempted_at, code, expires_at, epoch, unit, outcome, state, slot, user_id
)
SELECT
    sale.id,
    now(),
    -- A code as the service makes them: version 8, led by the sale's number in 40 bits.
    overlay(
        overlay(
            lpad(to_hex(sale.id), 10, '0') || substr(md5(sale.id || '-' || unit), 1, 22)
            PLACING '8' FROM 13
        )
        PLACING '8' FROM 17
    )::uuid,
    now() + interval '1 hour' + unit * interval '1 ms',
    sale.epoch,
    unit,
    'granted',
    'held',
    0,
    'user-' || unit
FROM sales AS sale, generate_series(1, sale.stock) AS unit
