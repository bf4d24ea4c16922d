//! Defences of the service on Redis and Postgres, and on a Postgres with a standby.

use super::{Mutant, TriedBy};

const SQL: &str = "crates/postgres-ledger/src/sql";
const CANCELLED: &str = "migrations/V9__cancelled_purchases.sql";

/// The domain calls what is cancelled a purchase that can be.
pub(super) const CANCELS_AGAIN: (&str, &str, &str) = (
    "crates/domain/src/operator/decide.rs",
    "let Some(CodeRecord::Sold(receipt) | CodeRecord::SoldNow(receipt)) = &facts.code else {",
    "let Some(\n            CodeRecord::Sold(receipt) | CodeRecord::SoldNow(receipt) | CodeRecord::Cancelled(receipt),\n        ) = &facts.code\n        else {",
);

pub(super) const MUTANTS: [Mutant; 16] = [
    Mutant {
        name: "no-epoch-check",
        tried_by: TriedBy::Chaos,
        what: "a grant of an old epoch is recorded",
        changes: &[(SQL, "AND fence.epoch = hold.epoch\n", "\n")],
    },
    Mutant {
        name: "no-tombstone",
        tried_by: TriedBy::Chaos,
        what: "a code that was judged is recorded late",
        changes: &[(SQL, "ORDER BY missing.code\n", "WHERE false\n")],
    },
    Mutant {
        name: "no-incarnation-check",
        tried_by: TriedBy::Chaos,
        what: "a Redis with an old copy serves it",
        changes: &[(
            "crates/redis-stores/src/lua/library.lua",
            "if not found[1] or loaded[name] ~= tonumber(found[1]) then",
            "if not found[1] then",
        )],
    },
    Mutant {
        name: "redis-frees",
        tried_by: TriedBy::Chaos,
        what: "Redis frees what is due without asking the ledger",
        changes: &[(
            "crates/domain/src/upkeep/sweep.rs",
            "let verdicts = self.ledger.judge(sale, &due).await?;",
            "let verdicts: Vec<_> = due.iter().map(|&code| (code, Verdict::Free)).collect();",
        )],
    },
    Mutant {
        name: "settles-twice",
        tried_by: TriedBy::Chaos,
        what: "a verdict that comes again is carried out again",
        changes: &[(
            "crates/redis-stores/src/lua/settle.lua",
            "call('HDEL', codes, unpack(gone))\n  call('ZREM', holds, unpack(gone))",
            "",
        )],
    },
    Mutant {
        name: "no-unique-unit",
        tried_by: TriedBy::Chaos,
        what: "the index that keeps a unit from being live twice is gone",
        changes: &[(
            "migrations",
            "CREATE UNIQUE INDEX attempts_live_unit",
            "CREATE INDEX attempts_live_unit",
        )],
    },
    Mutant {
        name: "answers-before-commit",
        tried_by: TriedBy::Chaos,
        what: "Postgres says that it has committed before the log is on disk",
        changes: &[(
            "crates/postgres-ledger/src/settings.rs",
            "set_config('synchronous_commit', 'on', false)",
            "set_config('synchronous_commit', 'off', false)",
        )],
    },
    Mutant {
        name: "refusals-unrecorded",
        tried_by: TriedBy::Chaos,
        what: "a refusal is answered though its record failed",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "Outcome::Refused(refusal) => recorded.map(|_| Err(refusal)),",
            "Outcome::Refused(refusal) => Ok(Err(refusal)),",
        )],
    },
    Mutant {
        name: "redis-knows-all-codes",
        tried_by: TriedBy::Chaos,
        what: "a code that Redis does not know is refused without asking the ledger",
        changes: &[(
            "crates/domain/src/purchase.rs",
            "Ok(None) | Err(_) => self.ledger.find(code).await?,",
            "Ok(None) => CodeRecord::Unknown,\n            Err(_) => self.ledger.find(code).await?,",
        )],
    },
    Mutant {
        name: "expires-early",
        tried_by: TriedBy::Chaos,
        what: "the ledger expires what Redis says is due without looking at its own clock",
        changes: &[(
            "crates/postgres-ledger/src/sql/expire_due.sql",
            " AND expires_at <= clock_timestamp()\n",
            "\n",
        )],
    },
    Mutant {
        name: "redeems-twice",
        tried_by: TriedBy::Chaos,
        what: "a code that was redeemed is redeemed again",
        changes: &[
            ("crates/postgres-ledger/src/sql/redeem.sql", " AND attempt.state = 'held'\n", "\n"),
            (
                "crates/postgres-ledger/src/sql/redeem.sql",
                "FROM sold\nRETURNING",
                "FROM sold ON CONFLICT (code) DO UPDATE SET item_name = excluded.item_name\nRETURNING",
            ),
            (
                "migrations",
                "OLD.state = 'held' AND NEW.state IN",
                "OLD.state IN ('held', 'sold') AND NEW.state IN",
            ),
            (
                "migrations",
                "CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE ON",
                "CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE OF code ON",
            ),
        ],
    },
    Mutant {
        name: "redeems-cancelled",
        tried_by: TriedBy::Chaos,
        what: "a code whose purchase was cancelled is redeemed again",
        changes: &[
            (
                "crates/postgres-ledger/src/sql/redeem.sql",
                " AND attempt.state = 'held'\n",
                " AND attempt.state IN ('held', 'cancelled')\n",
            ),
            (
                "crates/postgres-ledger/src/sql/redeem.sql",
                "FROM sold\nRETURNING",
                "FROM sold ON CONFLICT (code) DO UPDATE SET cancelled_at = NULL, cancel_reason = NULL\nRETURNING",
            ),
            (
                CANCELLED,
                "OLD.state = 'held' AND NEW.state IN",
                "OLD.state IN ('held', 'cancelled') AND NEW.state IN",
            ),
            (
                CANCELLED,
                "CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE ON",
                "CREATE TRIGGER purchases_are_cancelled_once BEFORE UPDATE OF code ON",
            ),
        ],
    },
    Mutant {
        name: "cancels-twice",
        tried_by: TriedBy::Chaos,
        what: "a purchase that was cancelled is cancelled again, and counted",
        changes: &[
            CANCELS_AGAIN,
            (
                "crates/postgres-ledger/src/sql/operator/cancel_purchase.sql",
                "AND state = 'sold'\n",
                "AND state IN ('sold', 'cancelled')\n",
            ),
            (
                "crates/postgres-ledger/src/sql/operator/cancel_purchase.sql",
                " AND cancelled_at IS NULL AND EXISTS",
                " AND EXISTS",
            ),
            (
                CANCELLED,
                "OR OLD.state = 'sold' AND NEW.state = 'cancelled'",
                "OR NEW.state = 'cancelled'",
            ),
            (CANCELLED, "OLD.cancelled_at IS NULL AND num_nonnulls", "num_nonnulls"),
        ],
    },
    Mutant {
        name: "believes-warnings",
        tried_by: TriedBy::FailoverWaitCancelled,
        what: "a commit whose wait for the standby was cancelled is told as done",
        changes: &[(
            "crates/postgres-ledger/src/servers/connection.rs",
            "self.has.store(true, Ordering::Release);",
            "",
        )],
    },
    Mutant {
        name: "no-barrier",
        tried_by: TriedBy::FailoverCrash,
        what: "what a server shows after a crash is believed before the standby has it",
        changes: &[(
            "crates/postgres-ledger/src/servers/pool.rs",
            "Ok(Beginning::Barrier(durability))",
            "Ok(Beginning::Look)",
        )],
    },
    Mutant {
        name: "no-look-back",
        tried_by: TriedBy::FailoverBehind,
        what: "a ledger that was put back is not asked for what was answered, and sells",
        changes: &[(
            "crates/postgres-ledger/src/servers.rs",
            "let has_all = self.witness.look_back(client).await?;",
            "let has_all = true;\n            let _ = (Witness::look_back, client);",
        )],
    },
];
