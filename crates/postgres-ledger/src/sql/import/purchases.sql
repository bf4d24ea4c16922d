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

INSERT INTO purchases
    (code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image,
     product_version)
SELECT
    row.code, row.sale_id, row.purchased_at, row.unit, row.slot, row.user_id, row.item_name,
    row.item_image, row.product_version
FROM unnest(
    $1::uuid[], $2::bigint[], $3::timestamptz[], $4::integer[], $5::smallint[], $6::text[],
    $7::text[], $8::text[], $9::bigint[]
) AS row (
    code, sale_id, purchased_at, unit, slot, user_id, item_name, item_image, product_version
)
