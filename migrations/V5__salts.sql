-- Every sale has a salt: the codes of clients' keys are reckoned with it.
--
-- It expands: a process of the version before makes a sale without naming it, and the default draws
-- it. 244 of its 256 bits are drawn, by the source that draws UUIDs; the others are the marks of
-- their version. Only sales are read and written under the lock, which are few, and their table is not
-- written anew.

LOCK TABLE sales IN ACCESS EXCLUSIVE MODE;

ALTER TABLE sales ADD COLUMN salt bytea;
ALTER TABLE sales ALTER COLUMN salt
    SET DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');
UPDATE sales SET salt = DEFAULT;
ALTER TABLE sales
    ALTER COLUMN salt SET NOT NULL,
    ADD CONSTRAINT sales_salt_is_whole CHECK (octet_length(salt) = 32);

-- With another salt a key leads to another code, and what was answered would be answered anew.
CREATE TRIGGER sales_keep_their_salt BEFORE UPDATE OF salt ON sales FOR EACH ROW
    WHEN (OLD.salt IS DISTINCT FROM NEW.salt)
    EXECUTE FUNCTION refuse_change();

COMMENT ON COLUMN sales.salt IS 'A secret of the sale, which the codes of Idempotency-Keys are reckoned with; it never changes.';
