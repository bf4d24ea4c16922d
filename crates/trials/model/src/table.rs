//! The table of what was explored.

use std::fmt;

use crate::{
    explore::{Breach, Explored},
    scenarios::Ablation,
    state::Faults,
    walk::Walked,
};

/// What the columns of [`row`] are.
#[must_use]
pub fn heading() -> String {
    row("scenario", "faults", "states", "depth", "s", "result")
}

/// One row.
#[must_use]
pub fn row(
    name: &str,
    faults: &str,
    states: &str,
    depth: &str,
    seconds: &str,
    result: &str,
) -> String {
    format!("{name:<40} {faults:<46} {states:>11} {depth:>5} {seconds:>6}  {result}")
}

/// The row of an exploration.
#[must_use]
pub fn explored(name: &str, faults: Faults, explored: &Explored) -> String {
    let result = match &explored.breach {
        Some(breach) => breach.to_string(),
        None if explored.is_complete => "all of it: no promise broken".to_owned(),
        None => "cut off: no promise broken".to_owned(),
    };
    let (states, depth) = (explored.states.to_string(), explored.depth.to_string());
    let seconds = format!("{:.1}", explored.took.as_secs_f32());
    row(name, &faults.to_string(), &states, &depth, &seconds, &result)
}

/// The row of a walk that took so many seconds.
#[must_use]
pub fn walked(name: &str, faults: Faults, walked: &Walked, seconds: f32) -> String {
    let result = match &walked.breach {
        Some((seed, breach)) => format!("{breach}, --seed {seed}"),
        None => format!("{} steps: no promise broken", walked.steps),
    };
    let seconds = format!("{seconds:.1}");
    row(name, &faults.to_string(), &walked.schedules.to_string(), "-", &seconds, &result)
}

impl Breach {
    /// What is broken, and every step to it.
    #[must_use]
    pub fn story(&self) -> String {
        let steps: Vec<_> = self.steps.iter().map(|step| format!("\n    {step:?}")).collect();
        format!("{self}{}", steps.concat())
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BROKEN in {} steps: {}", self.steps.len(), self.promise)
    }
}

impl Ablation {
    /// What the table calls it.
    #[must_use]
    pub fn name(&self) -> String {
        let names: Vec<_> = self.taken_away.iter().map(|defence| format!("{defence:?}")).collect();
        let without = format!("no {}", names.join(", no "));
        match self.scenario.name {
            "" => without,
            name => format!("{name}, {without}"),
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rebuilds,
            restarts,
            flushes,
            old_copies,
            rollbacks,
            lost,
            strays,
            failures,
            restores,
            others,
        } = self;
        let kinds = [
            ("rebuild", rebuilds),
            ("empty", restarts),
            ("flush", flushes),
            ("old", old_copies),
            ("rollback", rollbacks),
            ("lost", lost),
            ("stray", strays),
            ("fail", failures),
            ("restore", restores),
            ("other", others),
        ];
        let words: Vec<_> = kinds
            .iter()
            .filter(|(_, count)| **count > 0)
            .map(
                |(kind, count)| {
                    if **count > 1 { format!("{count} {kind}") } else { (*kind).to_owned() }
                },
            )
            .collect();
        f.pad(&if words.is_empty() { "none".to_owned() } else { words.join(" ") })
    }
}
