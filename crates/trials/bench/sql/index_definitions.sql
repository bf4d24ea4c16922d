-- index_definitions: for each index of the attempts and the purchases: the table it is of, the
-- statement that drops it, and the statement that makes it again.

SELECT
    index.indrelid::regclass,
    CASE
        WHEN owner.conname IS NULL THEN format('DROP INDEX %s', index.indexrelid::regclass)
        ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', index.indrelid::regclass, owner.conname)
    END,
    CASE
        WHEN owner.conname IS NULL THEN pg_get_indexdef(index.indexrelid)
        ELSE format(
            'ALTER TABLE %s ADD CONSTRAINT %I %s',
            index.indrelid::regclass, owner.conname, pg_get_constraintdef(owner.oid)
        )
    END
FROM pg_index AS index
LEFT JOIN pg_constraint AS owner ON owner.conindid = index.indexrelid
WHERE index.indrelid IN ('checkout_attempts'::regclass, 'purchases'::regclass)
