-- export_rows: a million attempts more at the only closed sale. Each tenth is granted and sold.

WITH numbers AS (
    SELECT
        sale.id AS sale_id,
        number,
        sale.starts_at + number * interval '100 microseconds' AS at
    FROM
        (SELECT id, starts_at FROM sales WHERE state = 'closed') AS sale,
        (SELECT count(*) FROM checkout_attempts) AS recorded (attempts),
        generate_series(recorded.attempts + 1, recorded.attempts + 1000000) AS number
),
refusals AS (
    INSERT INTO checkout_attempts (sale_id, attempted_at, outcome, user_id)
    SELECT sale_id, at, 'sold_out', 'user-' || number * 7907 % 1000003
    FROM numbers
    WHERE number % 10 <> 0
),
grants AS (
    INSERT INTO checkout_attempts (
        sale_id, attempted_at, code, expires_at, resolved_at, epoch, unit, outcome, state, slot,
        user_id
    )
    SELECT
        sale_id,
        at,
        -- A code as the service makes them: version 8, led by the sale's number in 40 bits.
        overlay(
            overlay(
                lpad(to_hex(sale_id), 10, '0') || substr(md5(number::text), 1, 22)
                PLACING '8' FROM 13
            )
            PLACING '8' FROM 17
        )::uuid,
        at + interval '5 minutes',
        at + interval '10 s',
        1,
        number / 10,
        'granted',
        'sold',
        0,
        'buyer-' || number
    FROM numbers
    WHERE number % 10 = 0
    RETURNING code, sale_id, resolved_at, unit, slot, user_id
)
INSERT INTO purchases (
    code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image
)
SELECT
    code, sale_id, resolved_at, unit, slot, user_id, 'Fading Copper Lantern no. ' || unit,
    '/items/' || sale_id || '/' || unit || '.svg'
FROM grants
