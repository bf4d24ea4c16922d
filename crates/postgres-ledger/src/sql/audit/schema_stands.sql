-- schema_stands: what the promises rest on and is not there, is not what the migrations made it, or
-- is not in force.
--
-- $1 rows   bigint   the most to return

WITH promised (kind, relation, name, definition) AS (
    VALUES
    ('setting', '', 'fsync', 'on'),
    ('table', 'sales', '', 'permanent'),
    ('table', 'checkout_attempts', '', 'permanent'),
    ('table', 'purchases', '', 'permanent'),
    ('table', 'sold_counts', '', 'permanent'),
    ('table', 'ledger_identity', '', 'permanent'),
    ('table', 'products', '', 'permanent'),
    ('table', 'product_versions', '', 'permanent'),
    ('table', 'product_images', '', 'permanent'),
    ('table', 'operator_actions', '', 'permanent'),
    ('table', 'sale_minutes', '', 'permanent'),
    ('column', 'sales', 'epoch', 'bigint NOT NULL'),
    ('column', 'sales', 'stock', 'integer NOT NULL'),
    ('column', 'sales', 'per_user_limit', 'smallint NOT NULL'),
    ('column', 'sales', 'starts_at', 'timestamp with time zone NOT NULL'),
    ('column', 'sales', 'ends_at', 'timestamp with time zone NOT NULL'),
    ('column', 'sales', 'on_timetable', 'boolean NOT NULL'),
    ('column', 'sales', 'sold', 'integer'),
    ('column', 'sales', 'salt', 'bytea NOT NULL'),
    ('column', 'sales', 'product_id', 'bigint'),
    ('column', 'checkout_attempts', 'sale_id', 'bigint NOT NULL'),
    (
        'column', 'checkout_attempts', 'live',
        'boolean GENERATED (state = ANY (ARRAY[''held''::hold_state, ''sold''::hold_state]))'
    ),
    ('column', 'purchases', 'sale_id', 'bigint NOT NULL'),
    ('column', 'purchases', 'unit', 'integer NOT NULL'),
    ('column', 'purchases', 'user_id', 'text NOT NULL'),
    ('column', 'purchases', 'slot', 'smallint NOT NULL'),
    ('column', 'purchases', 'product_version', 'bigint'),
    ('column', 'purchases', 'cancelled_at', 'timestamp with time zone'),
    ('column', 'purchases', 'cancel_reason', 'text'),
    ('column', 'products', 'sku', 'text NOT NULL'),
    ('column', 'product_versions', 'product_id', 'bigint NOT NULL'),
    ('column', 'product_versions', 'name', 'text NOT NULL'),
    ('column', 'product_images', 'kind', 'text NOT NULL'),
    ('column', 'product_images', 'bytes', 'bytea NOT NULL'),
    ('constraint', 'sales', 'sales_pkey', 'PRIMARY KEY (id)'),
    (
        'constraint', 'sales', 'sales_of_timetable_do_not_overlap',
        'EXCLUDE USING gist (tstzrange(starts_at, ends_at) WITH &&) WHERE (on_timetable)'
    ),
    (
        'constraint', 'sales', 'sales_id_check',
        'CHECK (id >= 1 AND id <= ''1099511627775''::bigint)'
    ),
    ('constraint', 'sales', 'sales_check', 'CHECK (ends_at > starts_at)'),
    (
        'constraint', 'sales', 'sales_check1',
        'CHECK ((state = ''closed''::sale_state) = (closed_at IS NOT NULL))'
    ),
    ('constraint', 'sales', 'sales_hold_ms_check', 'CHECK (hold_ms > 0)'),
    (
        'constraint', 'sales', 'sales_sold_is_final',
        'CHECK (sold IS NULL OR sold >= 0 AND closed_at IS NOT NULL)'
    ),
    ('constraint', 'sales', 'sales_salt_is_whole', 'CHECK (octet_length(salt) = 32)'),
    ('constraint', 'sales', 'sales_stock_check', 'CHECK (stock >= 0 AND stock <= 1000000)'),
    (
        'constraint', 'sales', 'sales_per_user_limit_check',
        'CHECK (per_user_limit >= 1 AND per_user_limit <= 1000)'
    ),
    (
        'constraint', 'checkout_attempts', 'attempts_are_whole',
        'CHECK ( CASE '
        'WHEN outcome = ''granted''::attempt_outcome THEN '
        'num_nulls(code, expires_at, epoch, unit, slot, state, user_id) = 0 '
        'AND state <> ''void''::hold_state AND unit >= 1 AND slot >= 0 '
        'WHEN outcome IS NULL THEN state = ''void''::hold_state AND code IS NOT NULL '
        'ELSE num_nonnulls(code, state) = 0 AND user_id IS NOT NULL END)'
    ),
    ('constraint', 'purchases', 'purchases_pkey', 'PRIMARY KEY (code)'),
    ('constraint', 'purchases', 'purchases_unit_check', 'CHECK (unit >= 1)'),
    ('constraint', 'purchases', 'purchases_slot_check', 'CHECK (slot >= 0)'),
    ('constraint', 'sold_counts', 'sold_counts_pkey', 'PRIMARY KEY (sale_id, writer)'),
    ('constraint', 'ledger_identity', 'ledger_identity_pkey', 'PRIMARY KEY (is_only)'),
    ('constraint', 'ledger_identity', 'ledger_identity_is_one', 'CHECK (is_only)'),
    ('constraint', 'sales', 'sales_of_product', 'FOREIGN KEY (product_id) REFERENCES products(id)'),
    ('constraint', 'products', 'products_pkey', 'PRIMARY KEY (id)'),
    ('constraint', 'products', 'products_sku', 'UNIQUE (sku)'),
    (
        'constraint', 'products', 'products_sku_is_whole',
        'CHECK (octet_length(sku) >= 1 AND octet_length(sku) <= 64)'
    ),
    ('constraint', 'product_versions', 'product_versions_pkey', 'PRIMARY KEY (id)'),
    (
        'constraint', 'product_versions', 'product_versions_of_product',
        'FOREIGN KEY (product_id) REFERENCES products(id)'
    ),
    (
        'constraint', 'product_versions', 'product_versions_image_is_kept',
        'FOREIGN KEY (image) REFERENCES product_images(digest)'
    ),
    (
        'constraint', 'product_versions', 'product_versions_name_is_whole',
        'CHECK (char_length(name) >= 1 AND char_length(name) <= 200)'
    ),
    (
        'constraint', 'product_versions', 'product_versions_price_is_whole',
        'CHECK ((price_amount IS NULL) = (price_currency IS NULL) '
        'AND (price_amount >= 0 AND price_amount <= ''9007199254740991''::bigint) IS NOT FALSE '
        'AND (price_currency ~ ''^[A-Z]{3}$''::text) IS NOT FALSE)'
    ),
    (
        'constraint', 'product_versions', 'product_versions_metadata_fits',
        'CHECK (octet_length(metadata) <= 4096)'
    ),
    ('constraint', 'product_images', 'product_images_pkey', 'PRIMARY KEY (digest)'),
    (
        'constraint', 'product_images', 'product_images_digest_is_whole',
        'CHECK (octet_length(digest) = 32)'
    ),
    (
        'constraint', 'product_images', 'product_images_kind_is_known',
        'CHECK (kind = ANY (ARRAY[''png''::text, ''jpeg''::text, ''webp''::text]))'
    ),
    (
        'constraint', 'product_images', 'product_images_fit',
        'CHECK (octet_length(bytes) >= 1 AND octet_length(bytes) <= 524288)'
    ),
    (
        'index', 'product_versions', 'product_versions_last',
        'CREATE INDEX product_versions_last ON product_versions USING btree (product_id, id)'
    ),
    ('constraint', 'operator_actions', 'operator_actions_pkey', 'PRIMARY KEY (number)'),
    ('constraint', 'operator_actions', 'operator_actions_id', 'UNIQUE (id)'),
    (
        'constraint', 'operator_actions', 'operator_actions_are_whole',
        'CHECK (num_nonnulls(after, refused) = 1)'
    ),
    ('constraint', 'sale_minutes', 'sale_minutes_pkey', 'PRIMARY KEY (sale_id, minute, process)'),
    (
        'constraint', 'sale_minutes', 'sale_minutes_are_counts',
        'CHECK (sold >= 0 AND held >= 0 AND checkouts >= 0 AND refused >= 0)'
    ),
    (
        'index', 'sales', 'sales_of_timetable_start',
        'CREATE UNIQUE INDEX sales_of_timetable_start ON sales '
        'USING btree (starts_at) WHERE on_timetable'
    ),
    (
        'index', 'checkout_attempts', 'attempts_code',
        'CREATE UNIQUE INDEX attempts_code ON checkout_attempts '
        'USING btree (code) WHERE code IS NOT NULL'
    ),
    (
        'index', 'checkout_attempts', 'attempts_live_unit',
        'CREATE UNIQUE INDEX attempts_live_unit ON checkout_attempts '
        'USING btree (sale_id, unit) WHERE live'
    ),
    (
        'index', 'checkout_attempts', 'attempts_live_slot',
        'CREATE UNIQUE INDEX attempts_live_slot ON checkout_attempts '
        'USING btree (sale_id, user_id, slot) WHERE live'
    ),
    (
        'index', 'purchases', 'purchases_standing_unit',
        'CREATE UNIQUE INDEX purchases_standing_unit ON purchases '
        'USING btree (sale_id, unit) WHERE cancelled_at IS NULL'
    ),
    (
        'index', 'purchases', 'purchases_standing_slot',
        'CREATE UNIQUE INDEX purchases_standing_slot ON purchases '
        'USING btree (sale_id, user_id, slot) WHERE cancelled_at IS NULL'
    ),
    (
        'trigger', 'sales', 'sales_keep_their_salt',
        'CREATE TRIGGER sales_keep_their_salt BEFORE UPDATE OF salt ON sales FOR EACH ROW '
        'WHEN (old.salt IS DISTINCT FROM new.salt) EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'checkout_attempts', 'attempts_end_once',
        'CREATE TRIGGER attempts_end_once BEFORE UPDATE ON checkout_attempts FOR EACH ROW WHEN (('
        '(old.state = ''held''::hold_state AND (new.state = ANY (ARRAY[''sold''::hold_state, '
        '''expired''::hold_state, ''released''::hold_state])) '
        'OR old.state = ''sold''::hold_state AND new.state = ''cancelled''::hold_state) '
        'AND NOT (new.sale_id IS DISTINCT FROM old.sale_id '
        'OR new.attempted_at IS DISTINCT FROM old.attempted_at '
        'OR new.code IS DISTINCT FROM old.code '
        'OR new.expires_at IS DISTINCT FROM old.expires_at '
        'OR new.epoch IS DISTINCT FROM old.epoch '
        'OR new.unit IS DISTINCT FROM old.unit '
        'OR new.outcome IS DISTINCT FROM old.outcome '
        'OR new.slot IS DISTINCT FROM old.slot '
        'OR new.user_id IS DISTINCT FROM old.user_id)'
        ') IS NOT TRUE) EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'checkout_attempts', 'attempts_stay',
        'CREATE TRIGGER attempts_stay BEFORE DELETE ON checkout_attempts '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'checkout_attempts', 'attempts_stay_all',
        'CREATE TRIGGER attempts_stay_all BEFORE TRUNCATE ON checkout_attempts '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'purchases', 'purchases_stay',
        'CREATE TRIGGER purchases_stay BEFORE DELETE ON purchases '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'purchases', 'purchases_are_cancelled_once',
        'CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE ON purchases FOR EACH ROW WHEN (('
        'old.cancelled_at IS NULL AND num_nonnulls(new.cancelled_at, new.cancel_reason) = 2 '
        'AND NOT (new.code IS DISTINCT FROM old.code '
        'OR new.sale_id IS DISTINCT FROM old.sale_id '
        'OR new.purchased_at IS DISTINCT FROM old.purchased_at '
        'OR new.unit IS DISTINCT FROM old.unit '
        'OR new.slot IS DISTINCT FROM old.slot '
        'OR new.user_id IS DISTINCT FROM old.user_id '
        'OR new.item_name IS DISTINCT FROM old.item_name '
        'OR new.item_image IS DISTINCT FROM old.item_image '
        'OR new.product_version IS DISTINCT FROM old.product_version)'
        ') IS NOT TRUE) EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'purchases', 'purchases_stay_all',
        'CREATE TRIGGER purchases_stay_all BEFORE TRUNCATE ON purchases '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'products', 'products_are_archived_once',
        'CREATE TRIGGER products_are_archived_once BEFORE UPDATE ON products FOR EACH ROW WHEN (('
        'old.archived_at IS NULL AND new.id = old.id AND new.sku = old.sku'
        ') IS NOT TRUE) EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'products', 'products_stay',
        'CREATE TRIGGER products_stay BEFORE DELETE ON products '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'products', 'products_stay_all',
        'CREATE TRIGGER products_stay_all BEFORE TRUNCATE ON products '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'product_versions', 'product_versions_stay',
        'CREATE TRIGGER product_versions_stay BEFORE DELETE OR UPDATE ON product_versions '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'product_versions', 'product_versions_stay_all',
        'CREATE TRIGGER product_versions_stay_all BEFORE TRUNCATE ON product_versions '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'product_images', 'product_images_stay',
        'CREATE TRIGGER product_images_stay BEFORE DELETE OR UPDATE ON product_images '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'product_images', 'product_images_stay_all',
        'CREATE TRIGGER product_images_stay_all BEFORE TRUNCATE ON product_images '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'operator_actions', 'operator_actions_stay',
        'CREATE TRIGGER operator_actions_stay BEFORE DELETE OR UPDATE ON operator_actions '
        'FOR EACH ROW EXECUTE FUNCTION refuse_change()'
    ),
    (
        'trigger', 'operator_actions', 'operator_actions_stay_all',
        'CREATE TRIGGER operator_actions_stay_all BEFORE TRUNCATE ON operator_actions '
        'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()'
    ),
    (
        'function', '', 'refuse_change',
        'BEGIN RAISE EXCEPTION ''% of % is refused: the ledger is append-only'', '
        'TG_OP, TG_TABLE_NAME; END'
    )
),
-- The tables as the service finds them: by the search path.
ledger AS (
    SELECT class.oid, class.relname AS relation, class.relpersistence, class.relnamespace
    FROM pg_class AS class
    WHERE
        class.relname IN (
            'sales', 'checkout_attempts', 'purchases', 'sold_counts', 'ledger_identity', 'products',
            'product_versions', 'product_images', 'operator_actions', 'sale_minutes'
        )
        AND class.oid = to_regclass(quote_ident(class.relname))
),
present (kind, relation, name, definition, in_force) AS (
    SELECT 'setting', '', name, setting, TRUE FROM pg_settings WHERE name = 'fsync'
    UNION ALL
    SELECT
        'table', relation, '', CASE relpersistence WHEN 'p' THEN 'permanent' ELSE 'unlogged' END,
        TRUE
    FROM ledger
    UNION ALL
    SELECT
        'column', ledger.relation, attribute.attname,
        concat(
            format_type(attribute.atttypid, attribute.atttypmod),
            CASE WHEN attribute.attnotnull THEN ' NOT NULL' END,
            CASE
                WHEN attribute.attgenerated = 's'
                    THEN ' GENERATED ' || pg_get_expr(expression.adbin, expression.adrelid)
            END
        ),
        TRUE
    FROM ledger
    JOIN pg_attribute AS attribute ON attribute.attrelid = ledger.oid AND attribute.attnum > 0
    LEFT JOIN pg_attrdef AS expression
        ON expression.adrelid = attribute.attrelid AND expression.adnum = attribute.attnum
    UNION ALL
    SELECT
        'constraint', ledger.relation, rule.conname, pg_get_constraintdef(rule.oid, TRUE),
        rule.convalidated
        AND coalesce(index.indisvalid AND index.indisready AND index.indislive, TRUE)
    FROM ledger
    JOIN pg_constraint AS rule ON rule.conrelid = ledger.oid
    LEFT JOIN pg_index AS index ON index.indexrelid = rule.conindid
    UNION ALL
    SELECT
        'index', ledger.relation, class.relname, pg_get_indexdef(index.indexrelid, 0, TRUE),
        index.indisvalid AND index.indisready AND index.indislive
    FROM ledger
    JOIN pg_index AS index ON index.indrelid = ledger.oid
    JOIN pg_class AS class ON class.oid = index.indexrelid
    UNION ALL
    SELECT
        'trigger', ledger.relation, alarm.tgname, pg_get_triggerdef(alarm.oid, TRUE),
        alarm.tgenabled IN ('O', 'A')
    FROM ledger
    JOIN pg_trigger AS alarm ON alarm.tgrelid = ledger.oid
    UNION ALL
    SELECT 'function', '', function.proname, function.prosrc, TRUE
    FROM pg_proc AS function
    WHERE function.pronamespace IN (SELECT relnamespace FROM ledger)
)
SELECT
    count(*) OVER () AS breaches,
    concat_ws(
        ' ', promised.kind, nullif(promised.name, ''),
        CASE WHEN promised.relation <> '' THEN 'of ' || promised.relation END,
        CASE
            WHEN present.definition IS NULL THEN 'is missing'
            WHEN NOT present.in_force THEN 'is not in force'
            ELSE 'is ' || left(present.definition, 200)
        END
    ) AS found
FROM promised
LEFT JOIN present USING (kind, relation, name)
WHERE
    present.in_force IS NOT TRUE
    OR btrim(regexp_replace(present.definition, '\s+', ' ', 'g')) <> promised.definition
ORDER BY promised.kind, promised.relation, promised.name
LIMIT $1::bigint
