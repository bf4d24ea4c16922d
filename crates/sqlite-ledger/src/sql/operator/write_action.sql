-- write_action: writes a row of the trail.
--
-- ?1 id   ?2 acted_at   ?3 sale_id   ?4 code   ?5 operator   ?6 action   ?7 asked   ?8 why
-- ?9 request_id   ?10 before   ?11 after   ?12 refused
--
-- Returns its number.

INSERT INTO operator_actions
    (id, acted_at, sale_id, code, operator, action, asked, why, request_id, before, after, refused)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
RETURNING number
