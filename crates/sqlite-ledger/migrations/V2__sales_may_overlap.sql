-- Sales may overlap, and only those of the timetable keep apart.
--
-- A UNIQUE of a column goes only with its table, so the table of sales is made anew, with the same
-- rows and numbers: made under another name, filled, and renamed when the old one is gone. What is
-- made of a table goes with it, so its indexes and triggers are made again; no other table, view or
-- trigger names it. It is all one transaction: a process that ends in the middle leaves V1.
--
-- A program of the version before can use the ledger still, and knows no `on_timetable`: each sale
-- it makes is one of the timetable and keeps apart from those.

CREATE TABLE sales_may_overlap (
    -- Leads every code of the sale, in 40 bits.
    id             INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 1099511627775),
    -- First moment of the sale.
    starts_at      INTEGER NOT NULL,
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
    -- Whether it is in a slot of the timetable, or an operator's: only those of the timetable keep
    -- apart.
    on_timetable   INTEGER NOT NULL DEFAULT 1 CHECK (on_timetable IN (0, 1)),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
    CHECK (NOT filed OR closed_at IS NOT NULL)
) STRICT;

INSERT INTO sales_may_overlap
    (id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state,
     held, sold, first_attempt, first_purchase, filed)
SELECT
    id, starts_at, ends_at, hold_ms, epoch, epoch_at, closed_at, stock, per_user_limit, state,
    held, sold, first_attempt, first_purchase, filed
FROM sales;

DROP TABLE sales;
ALTER TABLE sales_may_overlap RENAME TO sales;

CREATE INDEX sales_open ON sales (starts_at) WHERE closed_at IS NULL;
CREATE INDEX sales_unfiled ON sales (first_attempt, first_purchase) WHERE NOT filed;
CREATE INDEX sales_closed ON sales (closed_at) WHERE closed_at IS NOT NULL;
CREATE UNIQUE INDEX sales_of_timetable ON sales (starts_at) WHERE on_timetable;

CREATE TRIGGER sales_stay BEFORE DELETE ON sales
BEGIN
    SELECT RAISE(ABORT, 'DELETE of sales is refused: a sale is closed, not removed');
END;
CREATE TRIGGER sales_epochs_rise BEFORE UPDATE OF epoch ON sales WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: an epoch never goes back');
END;

-- Those of the timetable that are there do not overlap, so of all that start before the new one ends
-- only the last can reach into it.
CREATE TRIGGER sales_of_timetable_do_not_overlap BEFORE INSERT ON sales
WHEN NEW.on_timetable AND NEW.starts_at < (
    SELECT ends_at FROM sales
    WHERE on_timetable AND starts_at < NEW.ends_at
    ORDER BY starts_at DESC
    LIMIT 1
)
BEGIN
    SELECT RAISE(ABORT, 'INSERT into sales is refused: two sales of the timetable overlap');
END;
CREATE TRIGGER sales_keep_their_windows BEFORE UPDATE OF starts_at, ends_at, on_timetable ON sales
WHEN NEW.starts_at IS NOT OLD.starts_at OR NEW.ends_at IS NOT OLD.ends_at
    OR NEW.on_timetable IS NOT OLD.on_timetable
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: a sale keeps its window');
END;
