-- The ledger says who it is, so that a live store which two ledgers use can tell them apart.
--
-- It expands: a process of the version before neither reads nor writes what is new here, and tells no
-- live store whose its sales are. No table that is there is touched.

CREATE TABLE ledger_identity (
    is_only  boolean NOT NULL DEFAULT true CONSTRAINT ledger_identity_pkey PRIMARY KEY CONSTRAINT ledger_identity_is_one CHECK (is_only),
    identity uuid NOT NULL DEFAULT gen_random_uuid()
);

COMMENT ON TABLE ledger_identity IS 'One row.';
COMMENT ON COLUMN ledger_identity.is_only IS 'Always true: there is one row.';
COMMENT ON COLUMN ledger_identity.identity IS 'Who this ledger is. A copy that lives beside its original is given a new one: flashsale migrate --new-identity.';

INSERT INTO ledger_identity DEFAULT VALUES;
