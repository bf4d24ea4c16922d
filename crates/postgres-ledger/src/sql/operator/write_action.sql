-- write_action: writes a row of the trail.
--
-- $1 id           uuid
-- $2 acted_at     timestamptz
-- $3 sale_id      bigint
-- $4 code         uuid
-- $5 operator     text
-- $6 action       text
-- $7 asked        text
-- $8 why          text
-- $9 request_id   text
-- $10 before      text
-- $11 after       text
-- $12 refused     text
--
-- Returns its number.

INSERT INTO operator_actions
    (id, acted_at, sale_id, code, operator, action, asked, why, request_id, before, after, refused)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
RETURNING number
