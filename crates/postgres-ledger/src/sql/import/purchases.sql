-- purchases: writes purchases that another ledger had.
--
-- $1 codes          uuid[]
-- $2 sale_ids       bigint[]
-- $3 purchased_at   timestamptz[]
-- $4 units          integer[]
-- $5 slots          smallint[]
-- $6 user_ids       text[]
-- $7 item_names     text[]
-- $8 item_images    text[]
-- $9 versions       bigint[]   of the product it is one of; null of a generated item
-- $10 cancelled_at  timestamptz[]   null of one that stands
-- $11 reasons       text[]          null of one that stands

INSERT INTO purchases
    (code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image,
     product_version, cancelled_at, cancel_reason)
SELECT
    row.code, row.sale_id, row.purchased_at, row.unit, row.slot, row.user_id, row.item_name,
    row.item_image, row.product_version, row.cancelled_at, row.cancel_reason
FROM unnest(
    $1::uuid[], $2::bigint[], $3::timestamptz[], $4::integer[], $5::smallint[], $6::text[],
    $7::text[], $8::text[], $9::bigint[], $10::timestamptz[], $11::text[]
) AS row (
    code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image, product_version,
    cancelled_at, cancel_reason
)
