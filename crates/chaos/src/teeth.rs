//! Whether the trial bites: builds of the service with one defence taken out, each of which it
//! must catch.

use clap::Parser;

use crate::{
    error::ChaosError,
    powers::Powers,
    report::Report,
    trial::Trial,
    workshop::{Change, Workshop},
};

/// Take the defences of the service out, one at a time, and see how soon the trial tells.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Teeth {
    /// Only mutants whose names contain this
    #[arg(long, value_name = "TEXT")]
    mutant: Option<String>,
    /// Sales to give up after
    #[arg(long, default_value_t = 50)]
    give_up: usize,
}

impl Teeth {
    /// Tries every mutant; true if all were caught.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let powers = Powers::of_this_machine(None)?;
        let workshop = Workshop::open(trial.dir())?;
        let wanted = |mutant: &&Mutant| {
            self.mutant.as_ref().is_none_or(|text| mutant.name.contains(text.as_str()))
        };
        let mut rows = Vec::new();
        let mut all_caught = true;
        for mutant in MUTANTS.iter().filter(wanted) {
            eprintln!("building {} ...", mutant.name);
            let program = workshop.build(mutant.name, &mutant.changes())?;
            let trial = trial.of_mutant(program, self.give_up);
            let report = trial.run_lanes(&powers, None)?;
            all_caught &= !report.breaches.is_empty();
            rows.push(row(mutant, &report));
        }
        println!();
        println!("{:<24}{:<62}caught after", "defence taken out", "");
        for row in &rows {
            println!("{row}");
        }
        Ok(all_caught && !rows.is_empty())
    }
}

fn row(mutant: &Mutant, report: &Report) -> String {
    let Mutant { name, what, .. } = mutant;
    if report.breaches.is_empty() {
        return format!("{name:<24}{what:<62}NOT CAUGHT in {} sales", report.cycles);
    }
    let told: Vec<_> = report.breaches.keys().map(ToString::to_string).collect();
    let sales = if report.cycles == 1 { "sale" } else { "sales" };
    format!("{name:<24}{what:<62}{} {sales}: {}", report.cycles, told.join(", "))
}

/// A service without one of its defences.
pub(crate) struct Mutant {
    pub(crate) name: &'static str,
    /// What is taken out, and what that lets happen.
    pub(crate) what: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
}

impl Mutant {
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.changes.iter().map(|(path, old, new)| Change::new(path, old, new)).collect()
    }
}

const SQL: &str = "crates/postgres-ledger/src/sql";

/// All of them.
pub(crate) const MUTANTS: [Mutant; 11] = [
    Mutant {
        name: "no-epoch-check",
        what: "a grant of an old epoch is recorded",
        changes: &[(SQL, "AND fence.epoch = hold.epoch\n", "\n")],
    },
    Mutant {
        name: "no-tombstone",
        what: "a code that was judged is recorded late",
        changes: &[(SQL, "ORDER BY missing.code\n", "WHERE false\n")],
    },
    Mutant {
        name: "no-incarnation-check",
        what: "a Redis with an old copy serves it",
        changes: &[(
            "crates/redis-stores/src/lua/library.lua",
            "if not found[1] or loaded[sale_key] ~= tonumber(found[1]) then",
            "if not found[1] then",
        )],
    },
    Mutant {
        name: "redis-frees",
        what: "Redis frees what is due without asking the ledger",
        changes: &[(
            "crates/domain/src/upkeep/sweep.rs",
            "let verdicts = self.ledger.judge(sale, &due).await?;",
            "let verdicts: Vec<_> = due.iter().map(|&code| (code, Verdict::Free)).collect();",
        )],
    },
    Mutant {
        name: "settles-twice",
        what: "a verdict that comes again is carried out again",
        changes: &[(
            "crates/redis-stores/src/lua/settle.lua",
            "call('HDEL', codes, unpack(gone))\n  call('ZREM', holds, unpack(gone))",
            "",
        )],
    },
    Mutant {
        name: "no-unique-unit",
        what: "the index that keeps a unit from being live twice is gone",
        changes: &[(
            "migrations",
            "CREATE UNIQUE INDEX attempts_live_unit",
            "CREATE INDEX attempts_live_unit",
        )],
    },
    Mutant {
        name: "answers-before-commit",
        what: "Postgres says that it has committed before the log is on disk",
        changes: &[(
            "crates/postgres-ledger/src/lib.rs",
            "SET synchronous_commit = 'on'",
            "SET synchronous_commit = 'off'",
        )],
    },
    Mutant {
        name: "refusals-unrecorded",
        what: "a refusal is answered though its record failed",
        changes: &[(
            "crates/domain/src/checkout.rs",
            "Outcome::Refused(refusal) => recorded.map(|_| Err(refusal)),",
            "Outcome::Refused(refusal) => Ok(Err(refusal)),",
        )],
    },
    Mutant {
        name: "redis-knows-all-codes",
        what: "a code that Redis does not know is refused without asking the ledger",
        changes: &[(
            "crates/domain/src/purchase.rs",
            "Ok(None) | Err(_) => self.ledger.find(code).await?,",
            "Ok(None) => CodeRecord::Unknown,\n            Err(_) => self.ledger.find(code).await?,",
        )],
    },
    Mutant {
        name: "expires-early",
        what: "the ledger expires what Redis says is due without looking at its own clock",
        changes: &[(
            "crates/postgres-ledger/src/sql/expire_due.sql",
            " AND expires_at <= clock_timestamp()\n",
            "\n",
        )],
    },
    Mutant {
        name: "redeems-twice",
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
