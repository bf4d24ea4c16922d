//! The defences that are taken out of the service, one at a time, and how.

use clap::ValueEnum;

use crate::workshop::Change;

/// A service without one of its defences.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    pub(crate) tried_by: TriedBy,
    /// What is taken out, and what that lets happen.
    pub(crate) what: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
}

/// What is to catch a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TriedBy {
    /// The real programs: the defence is taken out of the adapters or the domain.
    Chaos,
    /// Seeds: the defence is taken out of the fakes or the domain.
    Simulation,
}

impl Mutant {
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.changes.iter().map(|(path, old, new)| Change::new(path, old, new)).collect()
    }
}

const SQL: &str = "crates/postgres-ledger/src/sql";

/// All of them.
pub(crate) const MUTANTS: [Mutant; 22] = [
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
            "if not found[1] or loaded[sale_key] ~= tonumber(found[1]) then",
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
            "crates/postgres-ledger/src/lib.rs",
            "SET synchronous_commit = 'on'",
            "SET synchronous_commit = 'off'",
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
                "CREATE TRIGGER purchases_stay BEFORE UPDATE OR DELETE",
                "CREATE TRIGGER purchases_stay BEFORE DELETE",
            ),
        ],
    },
    Mutant {
        name: "no-epoch-check",
        tried_by: TriedBy::Simulation,
        what: "a grant of an old epoch is recorded",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "if epoch != *current || !is_within ||",
            "let _ = current; if !is_within ||",
        )],
    },
    Mutant {
        name: "no-tombstone",
        tried_by: TriedBy::Simulation,
        what: "a code that was judged is recorded late",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "if self.of_code(code).is_none() {",
            "if sale.get() < 0 {",
        )],
    },
    Mutant {
        name: "no-incarnation-check",
        tried_by: TriedBy::Simulation,
        what: "a live side with an old copy serves it",
        changes: &[(
            "crates/fakes/src/live.rs",
            "there.is_some() && there == self.loaded.get(&sale).copied()",
            "there.is_some()",
        )],
    },
    Mutant {
        name: "settles-twice",
        tried_by: TriedBy::Simulation,
        what: "a verdict that comes again is carried out again",
        changes: &[(
            "crates/memory-stores/src/sale.rs",
            "= self.holds.remove(&code) else",
            "= self.holds.get(&code).cloned() else",
        )],
    },
    Mutant {
        name: "no-unique-unit",
        tried_by: TriedBy::Simulation,
        what: "a unit may be live twice",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "(other.unit == unit || same_slot)",
            "same_slot",
        )],
    },
    Mutant {
        name: "no-unique-slot",
        tried_by: TriedBy::Simulation,
        what: "a slot may be live twice",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "(other.unit == unit || same_slot)",
            "(other.unit == unit || (same_slot && unit.get() == 0))",
        )],
    },
    Mutant {
        name: "refusals-unrecorded",
        tried_by: TriedBy::Simulation,
        what: "a refusal is answered though its record failed",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "recorded.map(|_| Err(refusal))",
            "{ drop(recorded); Ok(Err(refusal)) }",
        )],
    },
    Mutant {
        name: "misses-are-trusted",
        tried_by: TriedBy::Simulation,
        what: "a code that the live side does not know is refused",
        changes: &[(
            "crates/domain/src/purchase.rs",
            "Ok(None) | Err(_) => self.ledger.find(code).await?,",
            "Ok(None) => CodeRecord::Unknown,\n            Err(_) => self.ledger.find(code).await?,",
        )],
    },
    Mutant {
        name: "expires-early",
        tried_by: TriedBy::Simulation,
        what: "a hold expires before it is due",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "filter(|hold| hold.expires_at <= now) {",
            "filter(|hold| hold.expires_at <= now || hold.expires_at > now) {",
        )],
    },
    Mutant {
        name: "redeems-twice",
        tried_by: TriedBy::Simulation,
        what: "a code that was redeemed is redeemed again",
        changes: &[(
            "crates/fakes/src/ledger.rs",
            "let Some(hold) = self.held_mut(code).filter(|hold| hold.unit == unit) else {",
            "let Some(hold) = self.holds_mut().find(|hold| hold.code == code && hold.unit == unit) else {",
        )],
    },
    Mutant {
        name: "lost-is-failed",
        tried_by: TriedBy::Simulation,
        what: "a record whose outcome got lost is taken back",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "if error.failure() != Failure::Unknown {",
            "if error.failure() != Failure::Overloaded {",
        )],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workshop::find_their_places;

    #[test]
    fn every_defence_that_is_taken_out_is_there() {
        for mutant in &MUTANTS {
            for change in mutant.changes() {
                assert!(
                    find_their_places(std::slice::from_ref(&change)),
                    "{}: {change:?}",
                    mutant.name
                );
            }
        }
    }
}
