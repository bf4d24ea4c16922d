-- old_grants: every unit of the closed sales, held and sold. Two million attempts, each by
-- another user of its sale, and as many purchases.

WITH grants AS (
    INSERT INTO checkout_attempts (
        sale_id, attempted_at, code, expires_at, resolved_at, epoch, unit, outcome, state, slot,
        user_id
    )
    SELECT
        sale.id,
        sale.starts_at + unit * interval '1 ms',
        -- A code as the service makes them: version 8, led by the sale's number in 40 bits.
        overlay(
            overlay(
                lpad(to_hex(sale.id), 10, '0') || substr(md5(sale.id || '-' || unit), 1, 22)
                PLACING '8' FROM 13
            )
            PLACING '8' FROM 17
        )::uuid,
        sale.starts_at + unit * interval '1 ms' + interval '5 minutes',
        sale.starts_at + unit * interval '1 ms' + interval '10 s',
        1,
        unit,
        'granted',
        'sold',
        0,
        -- A prime step through a million users meets none twice.
        'user-' || (unit::bigint * 7919 + sale.id * 104729) % 1000000
    FROM sales AS sale, generate_series(1, sale.stock) AS unit
    RETURNING code, sale_id, resolved_at, unit, slot, user_id
),
sold AS (
    INSERT INTO sold_counts (sale_id, writer, sold)
    SELECT sale.id, 1, sale.stock
    FROM sales AS sale
)
INSERT INTO purchases (
    code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image
)
SELECT
    code, sale_id, resolved_at, unit, slot, user_id, 'Fading Copper Lantern no. ' || unit,
    '/items/' || sale_id || '/' || unit || '.svg'
FROM grants
