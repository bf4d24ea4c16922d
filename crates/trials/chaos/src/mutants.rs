//! Mutants: builds of the service with one defence taken out, each of which chaos or the simulation
//! must kill.

mod embedded;
mod keys;
mod servers;
mod simulation;
mod steering;

use std::process::{Command, Stdio};

use clap::{Parser, ValueEnum};
use dev_servers::Stack;

use crate::{
    capabilities::Capabilities,
    error::{ChaosError, during},
    failover::{self, Course},
    trial::Trial,
    variants::{Binary, Change, FLASHSALE, VariantBuilder},
};

/// The program that simulates, in the crate of that name.
const SIMULATE: Binary = Binary { package: "simulation", name: "simulate" };

/// Take the defences of the service out, one at a time, and see how soon that is found.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Mutants {
    /// Only mutants whose names contain this
    #[arg(long, value_name = "TEXT")]
    mutant: Option<String>,
    /// Only those that are tried by this
    #[arg(long, value_enum)]
    by: Option<TriedBy>,
    /// Sales, or failovers, to give up after
    #[arg(long, default_value_t = 50)]
    give_up: usize,
    /// Seeds to give up after
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
}

/// A service without one of its defences.
struct Mutant {
    name: &'static str,
    tried_by: TriedBy,
    /// What is taken out, and what that lets happen.
    what: &'static str,
    changes: &'static [(&'static str, &'static str, &'static str)],
}

/// What is to kill a mutant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TriedBy {
    /// The real programs: the defence is taken out of the adapters or the domain.
    Chaos,
    /// One real program on SQLite and its own memory: it is taken out of their adapters.
    ChaosEmbedded,
    /// Failovers in which waits are cancelled: it is taken out of the adapter of Postgres.
    FailoverWaitCancelled,
    /// Failovers after a crash: likewise.
    FailoverCrash,
    /// Failovers to a standby that is behind: likewise.
    FailoverBehind,
    /// Seeds: the defence is taken out of the fakes or the domain.
    Simulation,
    /// Seeds, on SQLite and its own memory: it is taken out of the ledger's adapter.
    SimulationEmbedded,
}

impl Mutants {
    /// Tries every mutant; true if all were killed.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let variants = VariantBuilder::in_dir(trial.dir())?;
        let wanted = |mutant: &&Mutant| {
            let by_name = self.mutant.as_ref().is_none_or(|text| mutant.name.contains(text));
            by_name && self.by.is_none_or(|by| by == mutant.tried_by)
        };
        let mut rows = Vec::new();
        let mut all_killed = true;
        for mutant in all().filter(wanted) {
            eprintln!("building {} for {:?} ...", mutant.name, mutant.tried_by);
            let killed = self.attempt(&variants, mutant, trial);
            all_killed &= matches!(killed, Ok(Some(_)));
            let came = match killed {
                Ok(killed) => killed.unwrap_or_else(|| "SURVIVED".to_owned()),
                // The others are tried all the same: each takes minutes.
                Err(error) => format!("NOT TRIED: {error}"),
            };
            eprintln!("{} for {:?}: {came}", mutant.name, mutant.tried_by);
            let Mutant { name, tried_by, what, .. } = mutant;
            rows.push(format!("{name:<23}{:<23}{what:<64}{came}", format!("{tried_by:?}")));
        }
        println!();
        println!("{:<23}{:<23}{:<64}killed", "defence taken out", "by", "");
        for row in &rows {
            println!("{row}");
        }
        Ok(all_killed && !rows.is_empty())
    }

    /// Tries a mutant; says what killed it.
    fn attempt(
        &self,
        variants: &VariantBuilder,
        mutant: &Mutant,
        trial: &Trial,
    ) -> Result<Option<String>, ChaosError> {
        match mutant.tried_by {
            TriedBy::Chaos => self.sell(variants, mutant, trial, Stack::Servers),
            TriedBy::ChaosEmbedded => self.sell(variants, mutant, trial, Stack::Embedded),
            TriedBy::FailoverWaitCancelled => {
                self.fail_over(variants, mutant, trial, Course::WaitCancelled)
            }
            TriedBy::FailoverCrash => {
                self.fail_over(variants, mutant, trial, Course::CrashThenPromote)
            }
            TriedBy::FailoverBehind => {
                self.fail_over(variants, mutant, trial, Course::StandbyBehind)
            }
            TriedBy::Simulation => self.simulate(variants, mutant, Stack::Servers),
            TriedBy::SimulationEmbedded => self.simulate(variants, mutant, Stack::Embedded),
        }
    }

    /// Runs sales of a mutant; says after how many a promise was broken, and which.
    fn sell(
        &self,
        variants: &VariantBuilder,
        mutant: &Mutant,
        trial: &Trial,
        stack: Stack,
    ) -> Result<Option<String>, ChaosError> {
        let capabilities = Capabilities::of_this_machine(None)?;
        let program = variants.build(FLASHSALE, mutant.name, &mutant.changes())?;
        let trial = trial.of_mutant(program, stack, self.give_up);
        let report = trial.run_lanes(&capabilities, None)?;
        let broken: Vec<_> = report.breaches.keys().map(ToString::to_string).collect();
        let killed = format!("sale {}: {}", report.cycles, broken.join(", "));
        Ok((!broken.is_empty()).then_some(killed))
    }

    /// Runs failovers of a mutant; says in which a promise was broken, and which.
    fn fail_over(
        &self,
        variants: &VariantBuilder,
        mutant: &Mutant,
        trial: &Trial,
        course: Course,
    ) -> Result<Option<String>, ChaosError> {
        let program = variants.build(FLASHSALE, mutant.name, &mutant.changes())?;
        let dir = trial.dir().join("failover").join(mutant.name);
        let (mut times, mut killed) = (0, None);
        failover::run_often(course, &program, &dir, self.give_up, |outcome| {
            times += 1;
            killed = outcome.breaches.first().map(|breach| breach.promise);
            killed.is_none()
        })?;
        Ok(killed.map(|promise| format!("failover {times}: {promise}")))
    }

    /// Runs seeds of a mutant; says which was the first to fail, and how.
    fn simulate(
        &self,
        variants: &VariantBuilder,
        mutant: &Mutant,
        stack: Stack,
    ) -> Result<Option<String>, ChaosError> {
        let program = variants.build(SIMULATE, mutant.name, &mutant.changes())?;
        let mut command = Command::new(program);
        command.args(["--stack", stack.name(), "--seeds", &self.seeds.to_string()]);
        command.stderr(Stdio::inherit());
        let output = command.output().map_err(during("run the simulation"))?;
        if output.status.success() {
            return Ok(None);
        }
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let failure = said.lines().rev().find(|line| line.starts_with("seed ")).map(str::to_owned);
        failure.map(Some).ok_or(ChaosError::Failed { what: "the simulation", said })
    }
}

impl Mutant {
    fn changes(&self) -> Vec<Change> {
        self.changes.iter().map(|(path, old, new)| Change::new(path, old, new)).collect()
    }
}

/// All of them.
fn all() -> impl Iterator<Item = &'static Mutant> {
    let of_stacks = servers::MUTANTS.iter().chain(&embedded::MUTANTS);
    of_stacks.chain(&keys::MUTANTS).chain(&steering::MUTANTS).chain(&simulation::MUTANTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::variants::find_their_places;

    #[test]
    fn every_defence_that_is_taken_out_is_there() {
        for mutant in all() {
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
