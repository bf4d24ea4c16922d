//! What the runs came across. A simulation that never met a fault proves nothing about it.

use std::{collections::BTreeMap, fmt};

use domain::ports::Operation;

use crate::{answers::Told, fault::Fault, plan::Stack};

/// How often each fault, each operation of a store, each fence and each answer was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(&'static str, &'static str), u64>);

const FAULTS: &str = "fault";
const OPERATIONS: &str = "operation";
const ANSWERS: &str = "answer";
const FENCES: &str = "fence";

/// A store that keeps something from happening that has come too late, or too soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    NotLoaded,
    LoadFenced,
    RecordTooLate,
    RecordStale,
    RaisedTooSoon,
    RaisedClosed,
    RaisedBehind,
}

impl Fence {
    const ALL: [Self; 7] = [
        Self::NotLoaded,
        Self::LoadFenced,
        Self::RecordTooLate,
        Self::RecordStale,
        Self::RaisedTooSoon,
        Self::RaisedClosed,
        Self::RaisedBehind,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::NotLoaded => "a hold of a sale that is not loaded",
            Self::LoadFenced => "a load of what is not newer",
            Self::RecordTooLate => "a record of a code that was judged",
            Self::RecordStale => "a record of a stale grant",
            Self::RaisedTooSoon => "a rebuild too soon after another",
            Self::RaisedClosed => "a rebuild of a closed sale",
            Self::RaisedBehind => "a rebuild by a ledger that lost data",
        }
    }
}

impl Default for Coverage {
    fn default() -> Self {
        let faults = Fault::ALL.iter().map(|fault| (FAULTS, fault.name()));
        // No run is audited, exported or drawn, asks whose a code is, looks anything up, has products or tells
        // another process anything, and a place in the queue is asked for on the spot.
        let is_asked = |operation: &&Operation| {
            let name = operation.name();
            let ports = [
                "Audited",
                "Lookups",
                "Inspections",
                "Exports",
                "Product",
                "SaleHistory",
                "Processes",
            ];
            !ports.iter().any(|port| name.starts_with(port))
                && ![Operation::Permit, Operation::FindOwner].contains(*operation)
        };
        let operations =
            Operation::ALL.iter().filter(is_asked).map(|operation| (OPERATIONS, operation.name()));
        let answers = Told::ALL.iter().map(|told| (ANSWERS, told.name()));
        let fences = Fence::ALL.iter().map(|fence| (FENCES, fence.name()));
        let all = faults.chain(operations).chain(answers).chain(fences);
        Self(all.map(|key| (key, 0)).collect())
    }
}

impl Coverage {
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.count(FAULTS, fault.name());
    }

    pub(crate) fn operation(&mut self, operation: Operation) {
        self.count(OPERATIONS, operation.name());
    }

    pub(crate) fn answer(&mut self, told: Told) {
        self.count(ANSWERS, told.name());
    }

    pub(crate) fn fence(&mut self, fence: Fence) {
        self.count(FENCES, fence.name());
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

    /// What was never met and can be on this stack.
    #[must_use]
    pub fn missing(&self, stack: Stack) -> Vec<&'static str> {
        let cannot_be = |name| {
            stack == Stack::Embedded
                && (Fault::OF_SERVERS_ALONE.iter().any(|it| it.name() == name)
                    || name == Fence::RaisedBehind.name()
                    // One process shares its upkeep with nobody.
                    || name == Operation::TakeTurn.name())
        };
        let missing = self.0.iter().filter(|&(_, &count)| count == 0).map(|(&(_, name), _)| name);
        missing.filter(|&name| !cannot_be(name)).collect()
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
