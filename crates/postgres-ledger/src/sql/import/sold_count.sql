-- sold_count: writes down how many units of a sale another ledger has sold.
--
-- $1 sale_id   bigint
-- $2 sold      integer

INSERT INTO sold_counts (sale_id, writer, sold) VALUES ($1, 0, $2)
