-- Every sale has a salt: the codes of clients' keys are reckoned with it.
--
-- It expands: a program of the version before makes a sale without naming it, and the trigger draws
-- it. A default would have to be a constant.

-- A secret of the sale, which the codes of Idempotency-Keys are reckoned with; it never changes. Null
-- only within the statement of a program that does not know it.
ALTER TABLE sales ADD COLUMN salt BLOB CHECK (salt IS NULL OR length(salt) = 32);

UPDATE sales SET salt = randomblob(32);

CREATE TRIGGER sales_have_salt AFTER INSERT ON sales WHEN NEW.salt IS NULL
BEGIN
    UPDATE sales SET salt = randomblob(32) WHERE id = NEW.id;
END;
-- With another salt a key leads to another code, and what was answered would be answered anew.
CREATE TRIGGER sales_keep_their_salt BEFORE UPDATE OF salt ON sales
WHEN OLD.salt IS NOT NULL AND NEW.salt IS NOT OLD.salt
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: a sale keeps its salt');
END;
