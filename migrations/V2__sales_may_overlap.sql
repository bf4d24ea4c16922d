-- Sales may overlap, and only those of the timetable keep apart; no attempt is named by its client.
--
-- It expands: a process of the version before serves on beside it. That one knows no `on_timetable`,
-- so each sale it makes is one of the timetable and keeps apart from those, as it promises. It
-- writes no `idempotency_key`, and neither reads one. Nothing here reads a row of
-- checkout_attempts; the indexes that are built are of the few sales.

-- All locks at once, the short queue first: sales, then attempts, as the hot statements do.
LOCK TABLE sales, checkout_attempts IN ACCESS EXCLUSIVE MODE;

ALTER TABLE sales
    ADD COLUMN on_timetable boolean NOT NULL DEFAULT true,
    DROP CONSTRAINT sales_starts_at_key,
    DROP CONSTRAINT sales_do_not_overlap;
-- The first says no more than the second, but says it first: two processes that make the same sale
-- at once meet in it, as they did before, and not in an exclusion constraint, which is looked at
-- when the row is there already.
CREATE UNIQUE INDEX sales_of_timetable_start ON sales (starts_at) WHERE on_timetable;
ALTER TABLE sales ADD CONSTRAINT sales_of_timetable_do_not_overlap
    EXCLUDE USING gist (tstzrange(starts_at, ends_at) WITH &&) WHERE (on_timetable);

COMMENT ON COLUMN sales.starts_at IS 'First moment of the sale.';
COMMENT ON COLUMN sales.on_timetable IS 'Whether it is in a slot of the timetable, or an operator''s: only those of the timetable keep apart.';

DROP INDEX attempts_idempotency_key;
CREATE OR REPLACE TRIGGER attempts_end_once BEFORE UPDATE ON checkout_attempts FOR EACH ROW
    WHEN ((
        OLD.state = 'held' AND NEW.state IN ('sold', 'expired', 'released')
        AND (NEW.sale_id, NEW.attempted_at, NEW.code, NEW.expires_at, NEW.epoch, NEW.unit,
             NEW.outcome, NEW.slot, NEW.user_id)
            IS NOT DISTINCT FROM
            (OLD.sale_id, OLD.attempted_at, OLD.code, OLD.expires_at, OLD.epoch, OLD.unit,
             OLD.outcome, OLD.slot, OLD.user_id)
    ) IS NOT TRUE)
    EXECUTE FUNCTION refuse_change();

COMMENT ON COLUMN checkout_attempts.idempotency_key IS 'Unused; a later version drops it.';
