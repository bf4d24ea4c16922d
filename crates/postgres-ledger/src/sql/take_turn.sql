-- take_turn: takes the turn of reading a sale for a new epoch, until this transaction ends. Keeps
-- nothing right: it keeps two that rebuild a large sale from undoing each other's work.
--
-- $1 turn   bigint   names the sale among all advisory locks
--
-- is_taken: false if somebody else reads it.

SELECT pg_try_advisory_xact_lock($1::bigint) AS is_taken
