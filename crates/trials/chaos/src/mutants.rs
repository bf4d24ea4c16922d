//! The defences that are taken out of the service, one at a time, and how.

mod embedded;
mod servers;
mod simulation;

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
    /// One real program on SQLite and its own memory: it is taken out of their adapters.
    ChaosEmbedded,
    /// Seeds: the defence is taken out of the fakes or the domain.
    Simulation,
    /// Seeds, on SQLite and its own memory: it is taken out of the ledger's adapter.
    SimulationEmbedded,
}

impl Mutant {
    pub(crate) fn changes(&self) -> Vec<Change> {
        self.changes.iter().map(|(path, old, new)| Change::new(path, old, new)).collect()
    }
}

/// All of them.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutant> {
    servers::MUTANTS.iter().chain(&embedded::MUTANTS).chain(&simulation::MUTANTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workshop::find_their_places;

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
