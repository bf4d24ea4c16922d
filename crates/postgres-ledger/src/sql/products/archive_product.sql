-- archive_product: takes a product out of use. Its row is locked.
--
-- $1 id   bigint

UPDATE products
SET archived_at = clock_timestamp()
WHERE id = $1::bigint AND archived_at IS NULL
