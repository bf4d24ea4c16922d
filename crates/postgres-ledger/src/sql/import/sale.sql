-- sale: writes a sale that another ledger had, with its number.
--
-- $1 id               bigint
-- $2 starts_at        timestamptz
-- $3 ends_at          timestamptz
-- $4 hold_ms          bigint
-- $5 epoch            bigint
-- $6 epoch_at         timestamptz   or null if it was never raised
-- $7 closed_at        timestamptz   or null
-- $8 stock            integer
-- $9 per_user_limit   smallint
-- $10 state           text
-- $11 on_timetable    boolean
-- $12 sold            integer       or null if it is not closed
-- $13 salt            bytea
-- $14 product_id      bigint        or null

INSERT INTO sales
    (id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state,
     on_timetable, sold, salt, product_id)
OVERRIDING SYSTEM VALUE
VALUES
    ($1, $2, $3, $4, $5, coalesce($6::timestamptz, '-infinity'), $7, $8, $9,
     $10::text::sale_state, $11, $12, $13, $14)
