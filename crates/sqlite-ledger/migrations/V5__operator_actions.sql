-- What operators do is kept: who, what, on what, why, when, and what was there before and after. And a sale
-- may be moved, within what the trail says of it.
--
-- It expands: a program of the version before neither reads nor writes what is new here, and moves no sale.

-- The trail: a row for each order of an operator, carried out or refused. Append-only. JSON in it is flat.
CREATE TABLE operator_actions (
    -- In the order in which they were written.
    number     INTEGER PRIMARY KEY,
    -- The name of the order, made by whoever gave it: the same again is the same order, and does nothing
    -- more.
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    -- When it was decided.
    acted_at   INTEGER NOT NULL,
    -- The sale it is about; there may be no such sale.
    sale_id    INTEGER,
    -- The product it is about.
    product_id INTEGER,
    -- The code it is about.
    code       BLOB,
    -- Who gave it.
    operator   TEXT NOT NULL,
    -- What it is called, such as sale-paused.
    action     TEXT NOT NULL,
    -- What was asked beside that, as JSON.
    asked      TEXT NOT NULL,
    -- Why, in their own words.
    why        TEXT,
    -- The request that brought it, as the log names it.
    request_id TEXT,
    -- What it is about, as it was before, as JSON; null where there was nothing.
    before     TEXT,
    -- The same, as it was after; null if it was refused.
    after      TEXT,
    -- What stood in the way, as JSON; null if it was carried out.
    refused    TEXT,
    CHECK ((after IS NULL) = (refused IS NOT NULL))
) STRICT;
CREATE INDEX operator_actions_of_sale ON operator_actions (sale_id, number) WHERE sale_id IS NOT NULL;

CREATE TRIGGER operator_actions_stay BEFORE DELETE ON operator_actions
BEGIN
    SELECT RAISE(ABORT, 'DELETE of operator_actions is refused: the ledger is append-only');
END;
CREATE TRIGGER operator_actions_never_change BEFORE UPDATE ON operator_actions
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of operator_actions is refused: the ledger is append-only');
END;

-- A sale of the timetable that is moved keeps apart from the others as one that is made does.
DROP TRIGGER sales_keep_their_windows;
CREATE TRIGGER sales_keep_their_origin BEFORE UPDATE OF on_timetable ON sales
WHEN NEW.on_timetable IS NOT OLD.on_timetable
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: a sale keeps its origin');
END;
CREATE TRIGGER sales_keep_their_windows BEFORE UPDATE OF starts_at, ends_at ON sales
WHEN OLD.closed_at IS NOT NULL
    AND (NEW.starts_at IS NOT OLD.starts_at OR NEW.ends_at IS NOT OLD.ends_at)
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: a closed sale keeps its window');
END;
CREATE TRIGGER sales_of_timetable_stay_apart BEFORE UPDATE OF starts_at, ends_at ON sales
WHEN NEW.on_timetable AND EXISTS (
    SELECT 1 FROM sales
    WHERE on_timetable AND id <> NEW.id AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at
)
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of sales is refused: two sales of the timetable overlap');
END;
