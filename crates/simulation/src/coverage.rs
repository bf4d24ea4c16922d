//! What the runs came across. A simulation that never met a fault proves nothing about it.

use std::{collections::BTreeMap, fmt};

use memory_stores::Operation;

use crate::{answers::Told, mishap::Mishap};

/// How often each mishap, each operation of a store and each answer was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

const MISHAPS: &str = "mishap";
const OPERATIONS: &str = "operation";
const ANSWERS: &str = "answer";

impl Default for Coverage {
    fn default() -> Self {
        let mishaps = Mishap::ALL.iter().map(|mishap| (MISHAPS, mishap.name()));
        let operations = Operation::ALL.iter().map(|operation| (OPERATIONS, operation.name()));
        let answers = Told::ALL.iter().map(|told| (ANSWERS, told.name()));
        Self(mishaps.chain(operations).chain(answers).map(|key| (key, 0)).collect())
    }
}

impl Coverage {
    pub(crate) fn mishap(&mut self, mishap: Mishap) {
        self.count(MISHAPS, mishap.name());
    }

    pub(crate) fn operation(&mut self, operation: Operation) {
        self.count(OPERATIONS, operation.name());
    }

    pub(crate) fn answer(&mut self, told: Told) {
        self.count(ANSWERS, told.name());
    }

    fn count(&mut self, group: &'static str, name: &'static str) {
        *self.0.entry((group, name)).or_insert(0) += 1;
    }

    /// Adds what other runs met.
    pub fn add(&mut self, other: &Self) {
        for (&key, count) in &other.0 {
            *self.0.entry(key).or_insert(0) += count;
        }
    }

    /// What was never met.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        self.0.iter().filter(|&(_, &count)| count == 0).map(|(&(_, name), _)| name).collect()
    }
}

impl fmt::Display for Coverage {
    /// A table with a line for each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((group, name), count) in &self.0 {
            writeln!(f, "{group:<10} {name:<42} {count:>12}")?;
        }
        Ok(())
    }
}
