-- change_sale: when a sale is on, its terms, its state and its epoch, as they are from now on. The row is
-- locked already, for update: a plain update would let records of grants pass.
--
-- $1 sale_id          bigint
-- $2 starts_at        timestamptz
-- $3 ends_at          timestamptz
-- $4 hold_ms          bigint
-- $5 stock            integer
-- $6 per_user_limit   smallint
-- $7 state            text
-- $8 epoch            bigint, no lower than the one that stands

UPDATE sales
SET
    starts_at = $2::timestamptz, ends_at = $3::timestamptz, hold_ms = $4::bigint,
    stock = $5::integer, per_user_limit = $6::smallint, state = $7::text::sale_state,
    epoch = $8::bigint,
    epoch_at = CASE WHEN epoch < $8::bigint THEN clock_timestamp() ELSE epoch_at END
WHERE id = $1::bigint
