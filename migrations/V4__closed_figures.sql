-- What a closed sale has sold is written down with it, so that nobody counts it again.
--
-- It expands: a process of the version before neither reads nor writes what is new here. A sale that
-- one closes has no figure, and is counted as before, until a process of this version writes it down.
-- No row of a table that grows with the buyers is read or touched.

LOCK TABLE sales IN ACCESS EXCLUSIVE MODE;

ALTER TABLE sales
    ADD COLUMN sold integer,
    ADD CONSTRAINT sales_sold_is_final CHECK (sold IS NULL OR (sold >= 0 AND closed_at IS NOT NULL));
CREATE INDEX sales_without_figure ON sales (id) WHERE closed_at IS NOT NULL AND sold IS NULL;

COMMENT ON COLUMN sales.sold IS 'Units sold, of a sale that is closed: they change no more. Null: to be counted.';
