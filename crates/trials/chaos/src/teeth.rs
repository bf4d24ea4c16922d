//! Whether the trials bite: builds of the service with one defence taken out, each of which chaos
//! or the simulation must catch.

use std::process::{Command, Stdio};

use clap::Parser;
use dev_servers::Stack;

use crate::{
    error::{ChaosError, during},
    mutants::{self, Mutant, TriedBy},
    powers::Powers,
    trial::Trial,
    workshop::{FLASHSALE, Program, Workshop},
};

/// The program that simulates, in the crate of that name.
const SIMULATE: Program = Program { package: "simulation", name: "simulate" };

/// Take the defences of the service out, one at a time, and see how soon somebody tells.
#[derive(Parser, Debug, Clone)]
pub(crate) struct Teeth {
    /// Only mutants whose names contain this
    #[arg(long, value_name = "TEXT")]
    mutant: Option<String>,
    /// Only those that are tried by this
    #[arg(long, value_enum)]
    by: Option<TriedBy>,
    /// Sales to give up after
    #[arg(long, default_value_t = 50)]
    give_up: usize,
    /// Seeds to give up after
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
}

impl Teeth {
    /// Tries every mutant; true if all were caught.
    pub(crate) fn run(&self, trial: &Trial) -> Result<bool, ChaosError> {
        let workshop = Workshop::open(trial.dir())?;
        let wanted = |mutant: &&Mutant| {
            let by_name = self.mutant.as_ref().is_none_or(|text| mutant.name.contains(text));
            by_name && self.by.is_none_or(|by| by == mutant.tried_by)
        };
        let mut rows = Vec::new();
        let mut all_caught = true;
        for mutant in mutants::all().filter(wanted) {
            eprintln!("building {} for {:?} ...", mutant.name, mutant.tried_by);
            let caught = match mutant.tried_by {
                TriedBy::Chaos => self.bite(&workshop, mutant, trial, Stack::Servers)?,
                TriedBy::ChaosEmbedded => self.bite(&workshop, mutant, trial, Stack::Embedded)?,
                TriedBy::Simulation => self.simulate(&workshop, mutant, Stack::Servers)?,
                TriedBy::SimulationEmbedded => self.simulate(&workshop, mutant, Stack::Embedded)?,
            };
            all_caught &= caught.is_some();
            let caught = caught.unwrap_or_else(|| "NOT CAUGHT".to_owned());
            let Mutant { name, tried_by, what, .. } = mutant;
            rows.push(format!("{name:<23}{:<20}{what:<64}{caught}", format!("{tried_by:?}")));
        }
        println!();
        println!("{:<23}{:<20}{:<64}caught", "defence taken out", "by", "");
        for row in &rows {
            println!("{row}");
        }
        Ok(all_caught && !rows.is_empty())
    }

    /// Runs sales of a mutant; says after how many a promise was broken, and which.
    fn bite(
        &self,
        workshop: &Workshop,
        mutant: &Mutant,
        trial: &Trial,
        stack: Stack,
    ) -> Result<Option<String>, ChaosError> {
        let powers = Powers::of_this_machine(None)?;
        let program = workshop.build(FLASHSALE, mutant.name, &mutant.changes())?;
        let trial = trial.of_mutant(program, stack, self.give_up);
        let report = trial.run_lanes(&powers, None)?;
        let broken: Vec<_> = report.breaches.keys().map(ToString::to_string).collect();
        let caught = format!("sale {}: {}", report.cycles, broken.join(", "));
        Ok((!broken.is_empty()).then_some(caught))
    }

    /// Runs seeds of a mutant; says which was the first to fail, and how.
    fn simulate(
        &self,
        workshop: &Workshop,
        mutant: &Mutant,
        stack: Stack,
    ) -> Result<Option<String>, ChaosError> {
        let program = workshop.build(SIMULATE, mutant.name, &mutant.changes())?;
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
