-- action: writes a row of the trail that another ledger had, with its number.
--
-- $1 number       bigint
-- $2 id           uuid
-- $3 acted_at     timestamptz
-- $4 sale_id      bigint
-- $5 code         uuid
-- $6 operator     text
-- $7 action       text
-- $8 asked        text
-- $9 why          text
-- $10 request_id  text
-- $11 before      text
-- $12 after       text
-- $13 refused     text

INSERT INTO operator_actions
    (number, id, acted_at, sale_id, code, operator, action, asked, why, request_id, before, after,
     refused)
OVERRIDING SYSTEM VALUE
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
