-- write_action: writes a row of the trail.
--
-- ?1 id   ?2 acted_at   ?3 sale_id   ?4 product_id   ?5 code   ?6 operator   ?7 action   ?8 asked
-- ?9 why   ?10 request_id   ?11 before   ?12 after   ?13 refused
--
-- Returns its number.

INSERT INTO operator_actions
    (id, acted_at, sale_id, product_id, code, operator, action, asked, why, request_id, before, after,
     refused)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
RETURNING number
