-- Sales may be of products: named, with a price and a picture, each in versions that never change.
--
-- It expands: a program of the version before neither reads nor writes what is new here. The sales it
-- makes are of no product. Where it sells a unit of a product's sale, the unit is a generated item, and
-- its receipt says so.

-- One row a product. What is said of it is in its versions: the last one is what it is now.
CREATE TABLE products (
    id          INTEGER PRIMARY KEY,
    -- The shop's own key of it; it never changes.
    sku         TEXT NOT NULL UNIQUE CHECK (length(sku) BETWEEN 1 AND 64),
    -- Since when no sale of it can be made and it cannot be changed; null: it is in use.
    archived_at INTEGER
) STRICT;

-- The pictures of products, each once.
CREATE TABLE product_images (
    -- The SHA-256 of its bytes.
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    -- What kind of file it is, by its content.
    kind   TEXT NOT NULL CHECK (kind IN ('png', 'jpeg', 'webp')),
    -- The file.
    bytes  BLOB NOT NULL CHECK (length(bytes) BETWEEN 1 AND 524288)
) STRICT;

-- What products were, from one change to the next. Append-only: receipts name its rows.
CREATE TABLE product_versions (
    -- Its number; a later version of a product has a higher one.
    id             INTEGER PRIMARY KEY,
    product_id     INTEGER NOT NULL REFERENCES products (id),
    -- What it is called.
    name           TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- What it costs, in minor units of the currency; null: that is not said. Never reckoned with.
    price_amount   INTEGER CHECK (price_amount BETWEEN 0 AND 9007199254740991),
    -- The currency, by its code of ISO 4217.
    price_currency TEXT CHECK (price_currency GLOB '[A-Z][A-Z][A-Z]'),
    -- A JSON object, as the shop gave it; null: none.
    metadata       TEXT CHECK (length(CAST(metadata AS BLOB)) <= 4096),
    -- Its picture; null: each unit has a generated one.
    image          BLOB REFERENCES product_images (digest),
    -- When it was made.
    made_at        INTEGER NOT NULL,
    CHECK ((price_amount IS NULL) = (price_currency IS NULL))
) STRICT;
CREATE INDEX product_versions_last ON product_versions (product_id, id);

-- What it is of; null: generated items.
ALTER TABLE sales ADD COLUMN product_id INTEGER REFERENCES products (id);
-- The version of the product as which the unit was sold; null: a generated item.
ALTER TABLE purchases ADD COLUMN product_version INTEGER;

-- No version and no picture disappears or changes, and of a product only whether it is archived.
CREATE TRIGGER products_are_archived_once BEFORE UPDATE ON products
WHEN (OLD.archived_at IS NULL AND (NEW.id, NEW.sku) IS (OLD.id, OLD.sku)) IS NOT TRUE
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of products is refused: the ledger is append-only');
END;
CREATE TRIGGER products_stay BEFORE DELETE ON products
BEGIN
    SELECT RAISE(ABORT, 'DELETE of products is refused: the ledger is append-only');
END;
CREATE TRIGGER product_versions_do_not_change BEFORE UPDATE ON product_versions
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of product_versions is refused: the ledger is append-only');
END;
CREATE TRIGGER product_versions_stay BEFORE DELETE ON product_versions
BEGIN
    SELECT RAISE(ABORT, 'DELETE of product_versions is refused: the ledger is append-only');
END;
CREATE TRIGGER product_images_do_not_change BEFORE UPDATE ON product_images
BEGIN
    SELECT RAISE(ABORT, 'UPDATE of product_images is refused: the ledger is append-only');
END;
CREATE TRIGGER product_images_stay BEFORE DELETE ON product_images
BEGIN
    SELECT RAISE(ABORT, 'DELETE of product_images is refused: the ledger is append-only');
END;
