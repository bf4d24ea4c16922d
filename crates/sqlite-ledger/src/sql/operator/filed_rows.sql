-- filed_rows: where the attempt and the purchase of a code are that is filed.
--
-- ?1 code

SELECT attempt, purchase FROM codes WHERE code = ?1 AND purchase IS NOT NULL
