-- What operators do is kept: who, what, on what, why, when, and what was there before and after.
--
-- It expands: a process of the version before neither reads nor writes what is new here. What it pauses,
-- it pauses without a row. No table that is there is touched.

CREATE TABLE operator_actions (
    number     bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT operator_actions_pkey PRIMARY KEY,
    id         uuid NOT NULL CONSTRAINT operator_actions_id UNIQUE,
    acted_at   timestamptz NOT NULL,
    sale_id    bigint,
    product_id bigint,
    code       uuid,
    operator   text NOT NULL,
    action     text NOT NULL,
    asked      text NOT NULL,
    why        text,
    request_id text,
    before     text,
    after      text,
    refused    text,
    CONSTRAINT operator_actions_are_whole CHECK (num_nonnulls(after, refused) = 1)
);
CREATE INDEX operator_actions_of_sale ON operator_actions (sale_id, number) WHERE sale_id IS NOT NULL;

CREATE TRIGGER operator_actions_stay BEFORE UPDATE OR DELETE ON operator_actions FOR EACH ROW
    EXECUTE FUNCTION refuse_change();
CREATE TRIGGER operator_actions_stay_all BEFORE TRUNCATE ON operator_actions
    EXECUTE FUNCTION refuse_change();

COMMENT ON TABLE operator_actions IS 'The trail: a row for each order of an operator, carried out or refused. Append-only. JSON in it is flat; moments in it are milliseconds since the Unix epoch.';
COMMENT ON COLUMN operator_actions.number IS 'In the order in which they were written, but for those at the same time.';
COMMENT ON COLUMN operator_actions.id IS 'The name of the order, made by whoever gave it: the same again is the same order, and does nothing more.';
COMMENT ON COLUMN operator_actions.acted_at IS 'When it was decided.';
COMMENT ON COLUMN operator_actions.sale_id IS 'The sale it is about; there may be no such sale.';
COMMENT ON COLUMN operator_actions.product_id IS 'The product it is about.';
COMMENT ON COLUMN operator_actions.code IS 'The code it is about.';
COMMENT ON COLUMN operator_actions.operator IS 'Who gave it.';
COMMENT ON COLUMN operator_actions.action IS 'What it is called, such as sale-paused.';
COMMENT ON COLUMN operator_actions.asked IS 'What was asked beside that, as JSON.';
COMMENT ON COLUMN operator_actions.why IS 'Why, in their own words.';
COMMENT ON COLUMN operator_actions.request_id IS 'The request that brought it, as the log names it.';
COMMENT ON COLUMN operator_actions.before IS 'What it is about, as it was before, as JSON; null where there was nothing.';
COMMENT ON COLUMN operator_actions.after IS 'The same, as it was after; null if it was refused.';
COMMENT ON COLUMN operator_actions.refused IS 'What stood in the way, as JSON; null if it was carried out.';
