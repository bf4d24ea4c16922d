-- How sales go is written down minute by minute, for charts.
--
-- It expands: a process of the version before neither reads nor writes what is new here. No table that is
-- there is touched.

CREATE TABLE sale_minutes (
    sale_id   bigint NOT NULL,
    minute    timestamptz NOT NULL,
    process   uuid NOT NULL,
    sold      integer NOT NULL,
    held      integer NOT NULL,
    checkouts bigint NOT NULL,
    refused   bigint NOT NULL,
    CONSTRAINT sale_minutes_pkey PRIMARY KEY (sale_id, minute, process),
    CONSTRAINT sale_minutes_are_counts CHECK (sold >= 0 AND held >= 0 AND checkouts >= 0 AND refused >= 0)
);
CREATE INDEX sale_minutes_by_age ON sale_minutes (minute);

COMMENT ON TABLE sale_minutes IS 'How sales went: a row a minute, sale that is on, and process. Rows are dropped after a week; nothing that is promised rests on them.';
COMMENT ON COLUMN sale_minutes.sale_id IS 'The sale.';
COMMENT ON COLUMN sale_minutes.minute IS 'The first moment of the minute in which it was written.';
COMMENT ON COLUMN sale_minutes.process IS 'The process that wrote it; drawn when that began.';
COMMENT ON COLUMN sale_minutes.sold IS 'Units sold then.';
COMMENT ON COLUMN sale_minutes.held IS 'Units on hold then.';
COMMENT ON COLUMN sale_minutes.checkouts IS 'Attempts that were granted a unit, which the process has recorded since the row before.';
COMMENT ON COLUMN sale_minutes.refused IS 'Attempts that were refused, likewise.';
