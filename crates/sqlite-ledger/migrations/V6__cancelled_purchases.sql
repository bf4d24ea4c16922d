-- A purchase may be cancelled: its record stays and says since when and why, and its unit and its buyer's slot are free
-- again.
--
-- It expands: a program of the version before cancels nothing. It does not know what it would read of a purchase that
-- is, so it serves no ledger with one: the word is not one of its own.
--
-- A CHECK and a UNIQUE go only with their tables, so both are made anew, with the same rows and numbers, as V2 did. It
-- takes as long as they are large. What is made of a table goes with it, so triggers are made again.

CREATE TABLE attempts_may_be_cancelled (
    -- In the order in which they were recorded.
    id           INTEGER PRIMARY KEY,
    -- The sale that was asked; there may be no such sale.
    sale_id      INTEGER NOT NULL,
    -- What the user was told; null for a tombstone.
    outcome      TEXT CHECK (
        outcome = 'granted' OR outcome = 'sold_out' OR outcome = 'user_limit'
        OR outcome = 'not_open' OR outcome = 'ended' OR outcome = 'paused'
        OR outcome = 'unknown_sale'
    ),
    -- Of a hold: held, then sold, expired or released; what was sold may be cancelled then. void: tombstone of a code
    -- whose record came too late.
    state        TEXT CHECK (
        state = 'held' OR state = 'sold' OR state = 'expired' OR state = 'released'
        OR state = 'cancelled' OR state = 'void'
    ),
    -- The unit on hold.
    unit         INTEGER,
    -- Which of the user's places the unit takes, from 0.
    slot         INTEGER,
    -- Generation of the live state that granted it.
    epoch        INTEGER,
    -- When the attempt was recorded.
    attempted_at INTEGER NOT NULL,
    -- When the hold is due.
    expires_at   INTEGER,
    -- When the state became what it is; of a hold that stands, when it was recorded, so that the
    -- row has its final size and ends in place.
    changed_at   INTEGER,
    -- The secret that redeems the hold; null if refused.
    code         BLOB,
    -- Who asked; null for a tombstone.
    user_id      TEXT,
    CONSTRAINT attempts_are_whole CHECK (
        CASE
            WHEN outcome = 'granted' THEN
                length(code) = 16 AND expires_at IS NOT NULL AND epoch IS NOT NULL
                AND unit >= 1 AND slot >= 0 AND state IS NOT NULL AND state <> 'void'
                AND changed_at IS NOT NULL AND user_id IS NOT NULL
            WHEN outcome IS NULL THEN state IS 'void' AND length(code) = 16
            ELSE code IS NULL AND state IS NULL AND user_id IS NOT NULL
        END IS TRUE
    )
) STRICT;

INSERT INTO attempts_may_be_cancelled
    (id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code, user_id)
SELECT
    id, sale_id, outcome, state, unit, slot, epoch, attempted_at, expires_at, changed_at, code, user_id
FROM checkout_attempts
ORDER BY id;

DROP TABLE checkout_attempts;
ALTER TABLE attempts_may_be_cancelled RENAME TO checkout_attempts;

CREATE TABLE purchases_may_be_cancelled (
    -- In the order in which they were made.
    id              INTEGER PRIMARY KEY,
    sale_id         INTEGER NOT NULL,
    unit            INTEGER NOT NULL CHECK (unit >= 1),
    -- Which of the buyer's places it takes.
    slot            INTEGER NOT NULL CHECK (slot >= 0),
    -- When the unit was sold.
    purchased_at    INTEGER NOT NULL,
    -- The code that was redeemed; once.
    code            BLOB NOT NULL CHECK (length(code) = 16),
    -- The buyer.
    user_id         TEXT NOT NULL,
    -- What the unit turned out to be, and the path of its picture.
    item_name       TEXT NOT NULL,
    item_image      TEXT NOT NULL,
    -- The version of the product as which the unit was sold; null: a generated item.
    product_version INTEGER,
    -- When it was cancelled; null: it stands. A unit and a slot are of one purchase that stands.
    cancelled_at    INTEGER,
    -- Why, in the operator's words, which the buyer reads.
    cancel_reason   TEXT,
    CHECK ((cancelled_at IS NULL) = (cancel_reason IS NULL))
) STRICT;

INSERT INTO purchases_may_be_cancelled
    (id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image, product_version)
SELECT id, sale_id, unit, slot, purchased_at, code, user_id, item_name, item_image, product_version
FROM purchases
ORDER BY id;

DROP TABLE purchases;
ALTER TABLE purchases_may_be_cancelled RENAME TO purchases;

CREATE UNIQUE INDEX purchases_standing_unit ON purchases (sale_id, unit) WHERE cancelled_at IS NULL;
CREATE UNIQUE INDEX purchases_standing_slot ON purchases (sale_id, user_id, slot) WHERE cancelled_at IS NULL;
-- Those that do not stand are few, and looked up by their code and by their buyer.
CREATE UNIQUE INDEX purchases_cancelled ON purchases (code) WHERE cancelled_at IS NOT NULL;
CREATE INDEX purchases_cancelled_of ON purchases (user_id, sale_id, slot) WHERE cancelled_at IS NOT NULL;

-- The last line: no record disappears, and the only things that may happen to one are the end of its hold and, of what
-- was sold, of its purchase.
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON checkout_attempts
WHEN (
    (
        OLD.state IS 'held'
        AND (NEW.state = 'sold' OR NEW.state = 'expired' OR NEW.state = 'released')
        OR OLD.state IS 'sold' AND NEW.state = 'cancelled'
    )
    AND (NEW.id, NEW.sale_id, NEW.outcome, NEW.unit, NEW.slot, NEW.epoch, NEW.attempted_at,
         NEW.expires_at, NEW.code, NEW.user_id)
        IS (OLD.id, OLD.sale_id, OLD.outcome, OLD.unit, OLD.slot, OLD.epoch, OLD.attempted_at,
            OLD.expires_at, OLD.code, OLD.user_id)
) IS NOT TRUE
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of checkout_attempts is refused: the ledger is append-only');
END;
CREATE TRIGGER attempts_stay BEFORE DELETE ON checkout_attempts
BEGIN
    SELECT RAISE(ABORT, 'DELETE of checkout_attempts is refused: the ledger is append-only');
END;
CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE ON purchases
WHEN (
    OLD.cancelled_at IS NULL AND NEW.cancelled_at IS NOT NULL
    AND (NEW.id, NEW.sale_id, NEW.unit, NEW.slot, NEW.purchased_at, NEW.code, NEW.user_id, NEW.item_name,
         NEW.item_image, NEW.product_version)
        IS (OLD.id, OLD.sale_id, OLD.unit, OLD.slot, OLD.purchased_at, OLD.code, OLD.user_id, OLD.item_name,
            OLD.item_image, OLD.product_version)
) IS NOT TRUE
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of purchases is refused: the ledger is append-only');
END;
CREATE TRIGGER purchases_stay BEFORE DELETE ON purchases
BEGIN
    SELECT RAISE(ABORT, 'DELETE of purchases is refused: the ledger is append-only');
END;
