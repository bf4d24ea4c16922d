//! Defences of the service on SQLite and its own memory.
//!
//! Chaos does not kill all of them. A live store that is lost takes its grants along, and is rebuilt
//! within a millisecond, so there is hardly a grant of an old epoch to keep out, and the epoch keeps
//! it out before the guard has to. The simulation kills the process between any two steps, and
//! finds those.

use super::{Mutant, TriedBy, servers::CANCELS_AGAIN};

const GUARD: &str = "crates/sqlite-ledger/src/guard.rs";
const MIGRATIONS: &str = "crates/sqlite-ledger/migrations";
const CANCELLED: &str = "crates/sqlite-ledger/migrations/V6__cancelled_purchases.sql";

const GUARD_CANCELS_AGAIN: (&str, &str, &str) = (
    GUARD,
    "let State::Sold { purchase } = known.state else { return None };",
    "let (State::Sold { purchase } | State::Cancelled { purchase }) = known.state else {
            return None;
        };",
);
const ATTEMPT_AGAIN: (&str, &str, &str) =
    ("crates/sqlite-ledger/src/sql/operator/cancel_attempt.sql", " AND state = 'sold'\n", "\n");
const ATTEMPT_MAY: (&str, &str, &str) =
    (CANCELLED, "OR OLD.state IS 'sold' AND NEW.state = 'cancelled'", "OR NEW.state = 'cancelled'");
const PURCHASE_AGAIN: (&str, &str, &str) = (
    "crates/sqlite-ledger/src/sql/operator/cancel_purchase.sql",
    " AND cancelled_at IS NULL\n",
    "\n",
);
const PURCHASE_MAY: (&str, &str, &str) = (
    CANCELLED,
    "OLD.cancelled_at IS NULL AND NEW.cancelled_at IS NOT NULL",
    "NEW.cancelled_at IS NOT NULL",
);

const WORKER: &str = "crates/sqlite-ledger/src/worker.rs";

pub(super) const MUTANTS: [Mutant; 12] = [
    Mutant {
        name: "answers-before-commit",
        tried_by: TriedBy::ChaosEmbedded,
        what: "whoever asked is told before their transaction is committed",
        changes: &[
            (
                WORKER,
                "reply: oneshot::Sender<Result<T, SqliteError>>,",
                "reply: Option<oneshot::Sender<Result<T, SqliteError>>>,",
            ),
            (WORKER, "done: None, reply };", "done: None, reply: Some(reply) };"),
            (
                WORKER,
                "self.done = Some((self.work)(tables)?);",
                "let done = (self.work)(tables)?;
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(Ok(done));
        }",
            ),
            (WORKER, "let _ = reply.send(outcome", "let _ = reply.map(|reply| reply.send(outcome"),
            (WORKER, "done.ok_or(SqliteError::Gone)));", "done.ok_or(SqliteError::Gone))));"),
        ],
    },
    Mutant {
        name: "starts-unguarded",
        tried_by: TriedBy::ChaosEmbedded,
        what: "a process begins to serve without the codes of its open sales",
        changes: &[(
            "crates/sqlite-ledger/src/database.rs",
            "self.write(UnixMillis(0), |tables| tables.fill_guard())?;",
            "",
        )],
    },
    Mutant {
        name: "guard-is-not-undone",
        tried_by: TriedBy::ChaosEmbedded,
        what: "the guard keeps what a failed transaction put into it",
        changes: &[(
            "crates/sqlite-ledger/src/database.rs",
            "if done.is_ok() { guard.keep() } else { guard.undo() }",
            "guard.keep();",
        )],
    },
    Mutant {
        name: "expires-early",
        tried_by: TriedBy::ChaosEmbedded,
        what: "a hold expires before it is due by the ledger's clock",
        changes: &[(
            "crates/sqlite-ledger/src/tables/codes.rs",
            "let is_due = |hold: &Hold| hold.expires_at <= now;",
            "let is_due = |hold: &Hold| hold.expires_at <= now || hold.expires_at > now;",
        )],
    },
    Mutant {
        name: "memory-frees",
        tried_by: TriedBy::ChaosEmbedded,
        what: "the live store frees what is due without asking the ledger",
        changes: &[(
            "crates/domain/src/upkeep/sweep.rs",
            "let verdicts = self.ledger.judge(sale, &due).await?;",
            "let verdicts: Vec<_> = due.iter().map(|&code| (code, Verdict::Free)).collect();",
        )],
    },
    Mutant {
        name: "redeems-twice",
        tried_by: TriedBy::ChaosEmbedded,
        what: "a code that was redeemed is redeemed again",
        changes: &[
            (
                GUARD,
                "self.find(code).filter(|known| known.state == State::Held)?;",
                "self.find(code).filter(|known| known.state.is_live())?;",
            ),
            (MIGRATIONS, "OLD.state IS 'held'", "(OLD.state = 'held' OR OLD.state = 'sold')"),
            (
                CANCELLED,
                "CREATE UNIQUE INDEX purchases_standing_unit",
                "CREATE INDEX purchases_standing_unit",
            ),
            (
                CANCELLED,
                "CREATE UNIQUE INDEX purchases_standing_slot",
                "CREATE INDEX purchases_standing_slot",
            ),
        ],
    },
    Mutant {
        name: "cancels-twice",
        tried_by: TriedBy::SimulationEmbedded,
        what: "a purchase that was cancelled is cancelled again, and counted",
        changes: &[
            CANCELS_AGAIN,
            GUARD_CANCELS_AGAIN,
            ATTEMPT_AGAIN,
            ATTEMPT_MAY,
            PURCHASE_AGAIN,
            PURCHASE_MAY,
        ],
    },
    Mutant {
        name: "frees-unit-twice",
        tried_by: TriedBy::SimulationEmbedded,
        what: "the unit of a cancelled purchase is free again though it was sold since",
        changes: &[
            CANCELS_AGAIN,
            GUARD_CANCELS_AGAIN,
            ATTEMPT_AGAIN,
            ATTEMPT_MAY,
            PURCHASE_AGAIN,
            PURCHASE_MAY,
            (
                GUARD,
                "let cancelled = Known { state, ..known.clone() };",
                "let cancelled = Known { state, ..known.clone() };
        let hold = cancelled.hold.clone();
        if let (Some(hold), Some(guarded)) = (hold, self.sales.get_mut(&code.sale())) {
            guarded.units.remove(&hold.unit);
            guarded.slots.remove(&(hold.user, hold.slot));
        }",
            ),
        ],
    },
    Mutant {
        name: "no-epoch-check",
        tried_by: TriedBy::SimulationEmbedded,
        what: "a grant of an old epoch is recorded",
        changes: &[(
            "crates/domain/src/sale.rs",
            "&& grant.epoch == self.epoch",
            "&& grant.epoch <= self.epoch",
        )],
    },
    Mutant {
        name: "no-tombstone",
        tried_by: TriedBy::SimulationEmbedded,
        what: "a code that was judged is recorded late",
        changes: &[(
            "crates/sqlite-ledger/src/tables/codes.rs",
            "if may_come {",
            "if may_come && sale.get() < 0 {",
        )],
    },
    Mutant {
        name: "guards-no-units",
        tried_by: TriedBy::SimulationEmbedded,
        what: "a unit may be live twice",
        changes: &[(GUARD, "guarded.units.contains_key(&hold.unit)", "false")],
    },
    Mutant {
        name: "guards-no-slots",
        tried_by: TriedBy::SimulationEmbedded,
        what: "a slot may be live twice",
        changes: &[(GUARD, "guarded.slots.contains_key(&(hold.user.clone(), hold.slot))", "false")],
    },
];
