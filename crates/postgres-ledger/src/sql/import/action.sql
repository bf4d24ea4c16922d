-- action: writes a row of the trail that another ledger had, with its number.
--
-- $1 number       bigint
-- $2 id           uuid
-- $3 acted_at     timestamptz
-- $4 sale_id      bigint
-- $5 product_id   bigint
-- $6 code         uuid
-- $7 operator     text
-- $8 action       text
-- $9 asked        text
-- $10 why         text
-- $11 request_id  text
-- $12 before      text
-- $13 after       text
-- $14 refused     text

INSERT INTO operator_actions
    (number, id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before,
     after, refused)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
