-- write_action: writes a row of the trail.
--
-- $1 id           uuid
-- $2 acted_at     timestamptz
-- $3 sale_id      bigint
-- $4 product_id   bigint
-- $5 code         uuid
-- $6 operator     text
-- $7 action       text
-- $8 asked        text
-- $9 why          text
-- $10 request_id  text
-- $11 before      text
-- $12 after       text
-- $13 refused     text
--
-- Returns its number.

INSERT INTO operator_actions
    (id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before, after,
     refused)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
RETURNING number
