-- A state of a hold more, whose purchase was cancelled. Alone, for Postgres uses no value in the transaction that adds it.
--
-- It expands: nothing has this state before the next migration lets it. No table is locked.

ALTER TYPE hold_state ADD VALUE IF NOT EXISTS 'cancelled' BEFORE 'void';
