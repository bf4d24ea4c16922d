-- redeem: sells the units of a batch of holds.
--
-- $1 codes         uuid[]      each once
-- $2 units         integer[]   the unit each code is believed to hold
-- $3 item_names    text[]      what that unit turns out to be
-- $4 item_images   text[]      paths of the pictures
--
-- Returns the purchases made. A code that is missing was not held, or holds another unit. Looks
-- at no clock: a hold that is live is sold.

WITH request AS MATERIALIZED (
    SELECT code, unit, item_name, item_image
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[])
        AS request (code, unit, item_name, item_image)
),
held AS MATERIALIZED (
    SELECT attempt.code, request.item_name, request.item_image
    FROM request
    JOIN checkout_attempts AS attempt ON attempt.code = request.code AND attempt.unit = request.unit
    WHERE attempt.state = 'held'
    -- The same order in every batch, so that batches that meet wait instead of deadlocking.
    ORDER BY attempt.code
    FOR UPDATE OF attempt
),
sold AS (
    UPDATE checkout_attempts AS attempt
    SET state = 'sold', resolved_at = clock_timestamp()
    FROM held
    WHERE attempt.code = held.code AND attempt.state = 'held'
    RETURNING
        attempt.code, attempt.sale_id, attempt.user_id, attempt.unit, attempt.slot,
        held.item_name, held.item_image
),
counted AS (
    INSERT INTO sold_counts (sale_id, writer, sold)
    SELECT sale_id, pg_backend_pid(), count(*) FROM sold GROUP BY sale_id ORDER BY sale_id
    ON CONFLICT (sale_id, writer) DO UPDATE SET sold = sold_counts.sold + excluded.sold
)
INSERT INTO purchases (code, sale_id, user_id, unit, slot, item_name, item_image)
SELECT code, sale_id, user_id, unit, slot, item_name, item_image
FROM sold
RETURNING code, sale_id, user_id, unit, item_name, item_image, purchased_at
