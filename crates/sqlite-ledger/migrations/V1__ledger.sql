-- The ledger: sales, checkout attempts, purchases. SQLite 3.37 or newer.
--
-- SQLite's log takes whole pages, so what is written in the order of time costs a commit two or
-- three of them, and what is written all over an index costs one a row. Here everything is written
-- in the order of time, but for purchases, which are few. What must be searched while a sale is on,
-- by code, unit or slot, is in the guard (src/guard.rs): in the memory of the process that serves,
-- and undone with a transaction that fails. It lets no unit and no slot be live twice, and is made
-- from these tables whenever a process begins to serve.
--
-- SQLite makes a table of a list after IN, for each row that is checked: hence the words joined
-- by OR.
--
-- Words and columns are those of the ledger in Postgres, where they mean the same. A moment is a
-- whole number of milliseconds since the Unix epoch, a code is 16 bytes.

CREATE TABLE sales (
    -- Leads every code of the sale, in 40 bits.
    id             INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 1099511627775),
    -- First moment of the sale; one sale a moment.
    starts_at      INTEGER NOT NULL UNIQUE,
    -- First moment after the sale.
    ends_at        INTEGER NOT NULL CHECK (ends_at > starts_at),
    -- How long a unit is held for its user, in milliseconds.
    hold_ms        INTEGER NOT NULL CHECK (hold_ms > 0),
    -- Generation of the live state; a grant of another one is not recorded.
    epoch          INTEGER NOT NULL DEFAULT 0,
    -- When the epoch was raised: rebuilds keep a distance.
    epoch_at       INTEGER,
    -- When the sale was over and its last hold resolved.
    closed_at      INTEGER,
    -- Units on offer, numbered from 1.
    stock          INTEGER NOT NULL CHECK (stock BETWEEN 0 AND 1000000),
    -- Live units one user may have.
    per_user_limit INTEGER NOT NULL CHECK (per_user_limit BETWEEN 1 AND 1000),
    -- paused: by the operator; closed: needs no live side any more.
    state          TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'paused', 'closed')),
    -- How many of its units are on hold and sold. There is one writer at a time, so a counter is
    -- no bottleneck here, and nobody has to count rows.
    held           INTEGER NOT NULL DEFAULT 0 CHECK (held >= 0),
    sold           INTEGER NOT NULL DEFAULT 0 CHECK (sold >= 0),
    -- No attempt with a lower number has a code of this sale, and no purchase with a lower number
    -- is one of its units.
    first_attempt  INTEGER NOT NULL,
    first_purchase INTEGER NOT NULL,
    -- Whether all codes of the closed sale are in `codes`.
    filed          INTEGER NOT NULL DEFAULT 0 CHECK (filed IN (0, 1)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (NOT filed OR closed_at IS NOT NULL)
) STRICT;
CREATE INDEX sales_open ON sales (starts_at) WHERE closed_at IS NULL;
CREATE INDEX sales_unfiled ON sales (first_attempt, first_purchase) WHERE NOT filed;
CREATE INDEX sales_closed ON sales (closed_at) WHERE closed_at IS NOT NULL;

-- Every checkout attempt; a granted one is the hold. Append-only but for the end of a hold.
CREATE TABLE checkout_attempts (
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
    -- Of a hold: held, then sold, expired or released. void: tombstone of a code whose record came
    -- too late.
    state        TEXT CHECK (
        state = 'held' OR state = 'sold' OR state = 'expired' OR state = 'released'
        OR state = 'void'
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

-- One row a sold unit: the receipt.
CREATE TABLE purchases (
    -- In the order in which they were made.
    id           INTEGER PRIMARY KEY,
    sale_id      INTEGER NOT NULL,
    unit         INTEGER NOT NULL CHECK (unit >= 1),
    -- Which of the buyer's places it takes.
    slot         INTEGER NOT NULL CHECK (slot >= 0),
    -- When the unit was sold.
    purchased_at INTEGER NOT NULL,
    -- The code that was redeemed; once.
    code         BLOB NOT NULL CHECK (length(code) = 16),
    -- The buyer.
    user_id      TEXT NOT NULL,
    -- What the unit turned out to be, and the path of its picture.
    item_name    TEXT NOT NULL,
    item_image   TEXT NOT NULL,
    CONSTRAINT purchases_unit UNIQUE (sale_id, unit),
    CONSTRAINT purchases_slot UNIQUE (sale_id, user_id, slot)
) STRICT;

-- Where the codes of closed sales are. Written when a sale has been closed, in the order of its
-- codes, which begin with its number.
CREATE TABLE codes (
    code     BLOB NOT NULL PRIMARY KEY,
    -- Its row in checkout_attempts.
    attempt  INTEGER NOT NULL,
    -- Its row in purchases, if it was redeemed.
    purchase INTEGER
) STRICT, WITHOUT ROWID;

-- The last line: no record disappears, and the only thing that may happen to one is the end of
-- its hold.
CREATE TRIGGER attempts_end_once BEFORE UPDATE ON checkout_attempts
WHEN (
    OLD.state IS 'held'
    AND (NEW.state = 'sold' OR NEW.state = 'expired' OR NEW.state = 'released')
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
CREATE TRIGGER purchases_do_not_change BEFORE UPDATE ON purchases
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of purchases is refused: the ledger is append-only');
END;
CREATE TRIGGER purchases_stay BEFORE DELETE ON purchases
BEGIN
    SELECT RAISE(ABORT, 'DELETE of purchases is refused: the ledger is append-only');
END;
CREATE TRIGGER sales_stay BEFORE DELETE ON sales
BEGIN
    SELECT RAISE(ABORT, 'DELETE of sales is refused: a sale is closed, not removed');
END;
CREATE TRIGGER sales_epochs_rise BEFORE UPDATE OF epoch ON sales WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: an epoch never goes back');
END;

-- One sale at a time. Those that are there do not overlap, so of all that start before the new one
-- ends only the last can reach into it.
CREATE TRIGGER sales_do_not_overlap BEFORE INSERT ON sales
WHEN NEW.starts_at < (
    SELECT ends_at FROM sales WHERE starts_at < NEW.ends_at ORDER BY starts_at DESC LIMIT 1
)
BEGIN
    SELECT RAISE(ABORT, 'INSERT into sales is refused: two sales overlap');
END;
CREATE TRIGGER sales_keep_their_windows BEFORE UPDATE OF starts_at, ends_at ON sales
WHEN NEW.starts_at IS NOT OLD.starts_at OR NEW.ends_at IS NOT OLD.ends_at
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: a sale keeps its window');
END;
