-- redeem: sells the units of a batch of holds.
--
-- $1 codes         uuid[]      each once, in ascending order
-- $2 units         integer[]   the unit each code is believed to hold
-- $3 item_names    text[]      what that unit turns out to be
-- $4 item_images   text[]      paths of the pictures
-- $5 versions      bigint[]    of the product it is one of; null of a generated item
--
-- Returns the purchases made. A code that is missing was not held, or holds another unit. Looks
-- at no clock: a hold that is live is sold.

WITH sold AS (
    -- The rows are locked in the order of the codes, so that batches that meet wait instead of
    -- deadlocking: each code is looked up by the index, one after the other.
    UPDATE checkout_attempts AS attempt
    SET state = 'sold', resolved_at = clock_timestamp()
    FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::bigint[])
        AS request (code, unit, item_name, item_image, product_version)
    WHERE attempt.code = request.code AND attempt.unit = request.unit AND attempt.state = 'held'
    RETURNING
        attempt.code, attempt.sale_id, attempt.user_id, attempt.unit, attempt.slot,
        request.item_name, request.item_image, request.product_version
),
counted AS (
    INSERT INTO sold_counts (sale_id, writer, sold)
    SELECT sale_id, pg_backend_pid(), count(*) FROM sold GROUP BY sale_id ORDER BY sale_id
    ON CONFLICT (sale_id, writer) DO UPDATE SET sold = sold_counts.sold + excluded.sold
)
INSERT INTO purchases
    (code, sale_id, user_id, unit, slot, item_name, item_image, product_version)
SELECT code, sale_id, user_id, unit, slot, item_name, item_image, product_version
FROM sold
RETURNING
    code, sale_id, user_id, unit, item_name, item_image, product_version, purchased_at,
    cancelled_at, cancel_reason
