-- A purchase may be cancelled: its record stays and says since when and why, and its unit and its buyer's slot are free
-- again.
--
-- It expands: a process of the version before neither reads nor writes what is new here, and cancels nothing. It would not
-- know what it reads of a purchase that is; so nobody cancels one while such a process serves: each that knows
-- says so by a lock that it holds while it serves, beside the one that says that it does.
--
-- The columns are null for all, so no row is read for them. On a ledger with many purchases the two indexes are
-- made by hand before this, in this order, with the column that they need:
--
--     ALTER TABLE purchases ADD COLUMN IF NOT EXISTS cancelled_at timestamptz;
--     CREATE UNIQUE INDEX CONCURRENTLY purchases_standing_slot ON purchases (sale_id, user_id, slot)
--         WHERE cancelled_at IS NULL;
--     CREATE UNIQUE INDEX CONCURRENTLY purchases_standing_unit ON purchases (sale_id, unit)
--         WHERE cancelled_at IS NULL;

LOCK TABLE checkout_attempts, purchases IN ACCESS EXCLUSIVE MODE;

ALTER TABLE purchases
    ADD COLUMN IF NOT EXISTS cancelled_at timestamptz,
    ADD COLUMN cancel_reason text;
COMMENT ON COLUMN purchases.cancelled_at IS 'When it was cancelled; null: it stands. A unit and a slot are of one purchase that stands.';
COMMENT ON COLUMN purchases.cancel_reason IS 'Why, in the operator''s words, which the buyer reads.';
COMMENT ON COLUMN checkout_attempts.resolved_at IS 'When the state became what it is; null of a hold that stands.';
COMMENT ON COLUMN checkout_attempts.state IS 'Of a hold: held, then sold, expired or released; what was sold may be cancelled then. void: tombstone of a code whose record came too late.';

-- In this order: where the tables are empty, and both cost the same, the planner takes the newer one, and the ranges of units
-- that are asked for again and again need the one by unit.
CREATE UNIQUE INDEX IF NOT EXISTS purchases_standing_slot ON purchases (sale_id, user_id, slot)
    WHERE cancelled_at IS NULL;
CREATE UNIQUE INDEX IF NOT EXISTS purchases_standing_unit ON purchases (sale_id, unit)
    WHERE cancelled_at IS NULL;
-- Those that do not stand are few, and their buyers ask for them.
CREATE INDEX purchases_cancelled ON purchases (user_id, sale_id, slot) WHERE cancelled_at IS NOT NULL;
-- What was made by hand and broken off stands there, and keeps nothing unique.
DO $$
DECLARE
    broken text;
BEGIN
    SELECT string_agg(indexrelid::regclass::text, ', ') INTO broken
    FROM pg_index
    WHERE indrelid = 'purchases'::regclass
        AND indexrelid::regclass::text ~ 'purchases_standing_(unit|slot)$'
        AND NOT (indisvalid AND indisready AND indisunique);
    IF broken IS NOT NULL THEN
        RAISE EXCEPTION 'an index was not made to its end: %', broken
            USING HINT = 'Remove it by DROP INDEX CONCURRENTLY, make it anew as V9 says, and migrate again.';
    END IF;
END
$$;
ALTER TABLE purchases DROP CONSTRAINT purchases_unit, DROP CONSTRAINT purchases_slot;

CREATE OR REPLACE TRIGGER attempts_end_once BEFORE UPDATE ON checkout_attempts FOR EACH ROW
    WHEN ((
        (
            OLD.state = 'held' AND NEW.state IN ('sold', 'expired', 'released')
            OR OLD.state = 'sold' AND NEW.state = 'cancelled'
        )
        AND (NEW.sale_id, NEW.attempted_at, NEW.code, NEW.expires_at, NEW.epoch, NEW.unit,
             NEW.outcome, NEW.slot, NEW.user_id)
            IS NOT DISTINCT FROM
            (OLD.sale_id, OLD.attempted_at, OLD.code, OLD.expires_at, OLD.epoch, OLD.unit,
             OLD.outcome, OLD.slot, OLD.user_id)
    ) IS NOT TRUE)
    EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER purchases_stay BEFORE DELETE ON purchases FOR EACH ROW
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE ON purchases FOR EACH ROW
    WHEN ((
        OLD.cancelled_at IS NULL AND num_nonnulls(NEW.cancelled_at, NEW.cancel_reason) = 2
        AND (NEW.code, NEW.sale_id, NEW.purchased_at, NEW.unit, NEW.slot, NEW.user_id, NEW.item_name,
             NEW.item_image, NEW.product_version)
            IS NOT DISTINCT FROM
            (OLD.code, OLD.sale_id, OLD.purchased_at, OLD.unit, OLD.slot, OLD.user_id, OLD.item_name,
             OLD.item_image, OLD.product_version)
    ) IS NOT TRUE)
    EXECUTE FUNCTION refuse_change();
