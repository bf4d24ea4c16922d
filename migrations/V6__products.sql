-- Sales may be of products: named, with a price and a picture, each in versions that never change.
--
-- It expands: a process of the version before neither reads nor writes what is new here. The sales it
-- makes are of no product. Where it sells a unit of a product's sale, the unit is a generated item, and
-- its receipt says so. No row of a table that grows with the buyers is read or touched: a column that
-- is null for all is added without a look at them.

LOCK TABLE sales, purchases IN ACCESS EXCLUSIVE MODE;

CREATE TABLE products (
    id          bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT products_pkey PRIMARY KEY,
    sku         text NOT NULL CONSTRAINT products_sku UNIQUE,
    archived_at timestamptz,
    CONSTRAINT products_sku_is_whole CHECK (octet_length(sku) BETWEEN 1 AND 64)
);

COMMENT ON TABLE products IS 'One row a product. What is said of it is in its versions: the last one is what it is now. The row is locked to make one.';
COMMENT ON COLUMN products.id IS 'Its number.';
COMMENT ON COLUMN products.sku IS 'The shop''s own key of it; it never changes.';
COMMENT ON COLUMN products.archived_at IS 'Since when no sale of it can be made and it cannot be changed; null: it is in use.';

CREATE TABLE product_images (
    digest bytea CONSTRAINT product_images_pkey PRIMARY KEY,
    kind   text NOT NULL,
    bytes  bytea NOT NULL,
    CONSTRAINT product_images_digest_is_whole CHECK (octet_length(digest) = 32),
    CONSTRAINT product_images_kind_is_known CHECK (kind IN ('png', 'jpeg', 'webp')),
    CONSTRAINT product_images_fit CHECK (octet_length(bytes) BETWEEN 1 AND 524288)
);
-- A picture does not get smaller by it, and is read whole.
ALTER TABLE product_images ALTER COLUMN bytes SET STORAGE EXTERNAL;

COMMENT ON TABLE product_images IS 'The pictures of products, each once.';
COMMENT ON COLUMN product_images.digest IS 'The SHA-256 of its bytes.';
COMMENT ON COLUMN product_images.kind IS 'What kind of file it is, by its content.';
COMMENT ON COLUMN product_images.bytes IS 'The file.';

CREATE TABLE product_versions (
    id             bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT product_versions_pkey PRIMARY KEY,
    product_id     bigint NOT NULL CONSTRAINT product_versions_of_product REFERENCES products (id),
    name           text NOT NULL,
    price_amount   bigint,
    price_currency text,
    metadata       text,
    image          bytea CONSTRAINT product_versions_image_is_kept REFERENCES product_images (digest),
    made_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT product_versions_name_is_whole CHECK (char_length(name) BETWEEN 1 AND 200),
    CONSTRAINT product_versions_price_is_whole CHECK (
        (price_amount IS NULL) = (price_currency IS NULL)
        AND price_amount BETWEEN 0 AND 9007199254740991 IS NOT FALSE
        AND price_currency ~ '^[A-Z]{3}$' IS NOT FALSE
    ),
    CONSTRAINT product_versions_metadata_fits CHECK (octet_length(metadata) <= 4096)
);
CREATE INDEX product_versions_last ON product_versions (product_id, id);

COMMENT ON TABLE product_versions IS 'What products were, from one change to the next. Append-only: receipts name its rows.';
COMMENT ON COLUMN product_versions.id IS 'Its number; a later version of a product has a higher one.';
COMMENT ON COLUMN product_versions.product_id IS 'The product.';
COMMENT ON COLUMN product_versions.name IS 'What it is called.';
COMMENT ON COLUMN product_versions.price_amount IS 'What it costs, in minor units of the currency; null: that is not said. Never reckoned with.';
COMMENT ON COLUMN product_versions.price_currency IS 'The currency, by its code of ISO 4217.';
COMMENT ON COLUMN product_versions.metadata IS 'A JSON object, as the shop gave it; null: none.';
COMMENT ON COLUMN product_versions.image IS 'Its picture; null: each unit has a generated one.';
COMMENT ON COLUMN product_versions.made_at IS 'When it was made.';

ALTER TABLE sales
    ADD COLUMN product_id bigint CONSTRAINT sales_of_product REFERENCES products (id);
COMMENT ON COLUMN sales.product_id IS 'What it is of; null: generated items.';

-- No reference: it is written by the statement that sells the unit, from a version that was read.
ALTER TABLE purchases ADD COLUMN product_version bigint;
COMMENT ON COLUMN purchases.product_version IS 'The version of the product as which the unit was sold; null: a generated item.';

-- No version and no picture disappears or changes, and of a product only whether it is archived.
CREATE TRIGGER products_are_archived_once BEFORE UPDATE ON products FOR EACH ROW
    WHEN ((
        OLD.archived_at IS NULL AND (NEW.id, NEW.sku) = (OLD.id, OLD.sku)
    ) IS NOT TRUE)
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER products_stay BEFORE DELETE ON products FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER products_stay_all BEFORE TRUNCATE ON products EXECUTE FUNCTION refuse_change();
CREATE TRIGGER product_versions_stay BEFORE UPDATE OR DELETE ON product_versions FOR EACH ROW
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER product_versions_stay_all BEFORE TRUNCATE ON product_versions
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER product_images_stay BEFORE UPDATE OR DELETE ON product_images FOR EACH ROW
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER product_images_stay_all BEFORE TRUNCATE ON product_images
    EXECUTE FUNCTION refuse_change();
