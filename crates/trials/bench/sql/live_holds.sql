-- live_holds: every unit of the open sale is on hold, each for another user, and for longer than any measurement.

INSERT INTO checkout_attempts (
    sale_id, code, expires_at, epoch, unit, outcome, state, slot, user_id
)
SELECT
    sale.id,
    -- A code as the service makes them: version 8, led by the sale's number in 40 bits.
    overlay(
        overlay(
            lpad(to_hex(sale.id), 10, '0') || substr(md5(sale.id || '-' || unit), 1, 22)
            PLACING '8' FROM 13
        )
        PLACING '8' FROM 17
    )::uuid,
    clock_timestamp() + interval '1 day',
    sale.epoch,
    unit,
    'granted',
    'held',
    0,
    'user-' || unit
FROM sales AS sale, generate_series(1, sale.stock) AS unit
WHERE sale.closed_at IS NULL
