-- How sales go is written down minute by minute, for charts.
--
-- It expands: a program of the version before neither reads nor writes what is new here.

-- A row a minute, sale that is on, and process. Rows are dropped after a week; nothing that is promised rests
-- on them.
CREATE TABLE sale_minutes (
    -- The sale.
    sale_id   INTEGER NOT NULL,
    -- The first moment of the minute in which it was written.
    minute    INTEGER NOT NULL,
    -- The process that wrote it; drawn when that began.
    process   BLOB NOT NULL CHECK (length(process) = 16),
    -- Units sold then.
    sold      INTEGER NOT NULL CHECK (sold >= 0),
    -- Units on hold then.
    held      INTEGER NOT NULL CHECK (held >= 0),
    -- Attempts that were granted a unit, which the process has recorded since the row before.
    checkouts INTEGER NOT NULL CHECK (checkouts >= 0),
    -- Attempts that were refused, likewise.
    refused   INTEGER NOT NULL CHECK (refused >= 0),
    PRIMARY KEY (sale_id, minute, process)
) STRICT, WITHOUT ROWID;
CREATE INDEX sale_minutes_by_age ON sale_minutes (minute);
