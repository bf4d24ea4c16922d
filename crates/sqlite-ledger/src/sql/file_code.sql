-- file_code: writes down where a code of a closed sale is. It may be there already: a process that
-- dies while it files begins again.
--
-- ?1 code   ?2 attempt   ?3 purchase   null if it was not redeemed

INSERT INTO codes (code, attempt, purchase) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING
