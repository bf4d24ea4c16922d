-- note_minute: writes down how sales stood at a minute, unless this process has.
--
-- $1 minute      timestamptz
-- $2 process     uuid
-- $3 sale_ids    bigint[]
-- $4 sold        integer[]
-- $5 held        integer[]
-- $6 checkouts   bigint[]
-- $7 refused     bigint[]

INSERT INTO sale_minutes (sale_id, minute, process, sold, held, checkouts, refused)
SELECT stood.sale_id, $1::timestamptz, $2::uuid, stood.sold, stood.held, stood.checkouts, stood.refused
FROM unnest($3::bigint[], $4::integer[], $5::integer[], $6::bigint[], $7::bigint[])
    AS stood (sale_id, sold, held, checkouts, refused)
ON CONFLICT DO NOTHING
