//! What a trial tells: a line a sale, and a table at its end.

mod reads;

use std::{collections::BTreeMap, fmt::Write as _, fs};

use dev_servers::Stack;

use crate::{
    capabilities::Capabilities,
    fault::Kind,
    history::{Answer, Ask},
    judgement::Promise,
    lane::Cycle,
    recovery::{Recoveries, Times},
    report::reads::Reads,
    stack::description_of,
};

/// The mark: who loses the live store sells again within so many milliseconds.
const RECOVERY_P99_MS: i64 = 1_000;

/// How many breaches of one promise a line shows.
const SHOWN_MAX: usize = 5;

/// Everything a trial has seen.
#[derive(Default)]
pub(crate) struct Report {
    stack: Stack,
    pub(crate) cycles: usize,
    answers: usize,
    unknown: usize,
    grants: usize,
    repeated: usize,
    refusals: usize,
    purchases: usize,
    sold: usize,
    ends: usize,
    readers: usize,
    reads: Reads,
    longest_stop_ms: u64,
    peak_memory_mib: u64,
    faults: BTreeMap<Kind, usize>,
    recoveries: Recoveries,
    pub(crate) breaches: BTreeMap<Promise, usize>,
}

impl Report {
    /// One that has seen nothing yet.
    pub(crate) fn of(stack: Stack, readers: usize) -> Self {
        Self { stack, readers, ..Self::default() }
    }

    /// Counts a sale and tells of it.
    pub(crate) fn add(&mut self, cycle: &Cycle) {
        self.cycles += 1;
        self.sold += cycle.sold;
        self.ends += cycle.ends;
        self.reads.add(&cycle.sightings);
        self.longest_stop_ms = self.longest_stop_ms.max(cycle.longest_stop_ms);
        self.peak_memory_mib = self.peak_memory_mib.max(cycle.peak_memory_mib);
        for asked in &cycle.history {
            match asked.answer {
                Answer::Unknown(_) => self.unknown += 1,
                _ => self.answers += 1,
            }
            match (asked.what, &asked.answer) {
                (_, Answer::Granted(_)) => self.grants += 1,
                (_, Answer::GrantedBefore(_)) => self.repeated += 1,
                (Ask::Checkout | Ask::Keyed(_), Answer::Refused(_)) => self.refusals += 1,
                (_, Answer::Bought { is_replay: false, .. }) => self.purchases += 1,
                _ => {}
            }
        }
        for injected in &cycle.faults {
            *self.faults.entry(injected.fault.kind).or_default() += 1;
        }
        for recovery in &cycle.recoveries {
            self.recoveries.add(*recovery);
        }
        for breach in &cycle.breaches {
            *self.breaches.entry(breach.promise).or_default() += 1;
        }
        println!("{}", line_of(self.cycles, cycle));
        if !cycle.breaches.is_empty() {
            println!("{}", breaches_of(cycle));
        }
    }

    /// The table at the end.
    pub(crate) fn print(&self, capabilities: &Capabilities) {
        println!();
        println!(
            "{}; {} sales: {} answers, of these {} units granted, {} told again by their key, {} \
             checkouts refused, {} units bought; {} requests without an answer, each asked again; {} units sold",
            description_of(self.stack),
            self.cycles,
            self.answers,
            self.grants,
            self.repeated,
            self.refusals,
            self.purchases,
            self.unknown,
            self.sold
        );
        println!();
        println!("{:<42}{:>6}   ms to the first grant: {:>5}", "fault", "times", "");
        println!("{:<42}{:>6}   {:>5} {:>7} {:>7} {:>7}", "", "", "timed", "p50", "p99", "max");
        for (&kind, times) in &self.faults {
            let recovery = self.recoveries.of(|other| other == kind);
            println!("{:<42}{times:>6}   {recovery}", kind.to_string());
        }
        let lost = self.recoveries.of(|kind| kind.loses_live_side(self.stack));
        let what = match self.stack {
            Stack::Servers => "Redis lost, in any way",
            Stack::Embedded => "live store lost, with its process",
        };
        println!("{what:<42}{:>6}   {lost}", "");
        self.print_crowd(&lost);
        self.print_untried(capabilities);
        println!();
        match (self.cycles, self.breaches.is_empty()) {
            (0, _) => println!("no sale was judged"),
            (_, true) => println!("no promise was broken"),
            (_, false) => {}
        }
        for (promise, times) in &self.breaches {
            println!("BROKEN {times} times: {promise}");
        }
    }

    fn print_crowd(&self, lost: &Times) {
        if let Some(p99_ms) = lost.percentile_ms(99) {
            let remark = if p99_ms <= RECOVERY_P99_MS { "" } else { ": missed" };
            println!(
                "{:<42}{:>6}   p99 with {} readers a sale: at most {RECOVERY_P99_MS}{remark}",
                "mark", "", self.readers
            );
        }
        println!("{}", self.reads);
        println!(
            "most memory of a process: {} MiB; longest stop of one that was told to: {} ms",
            self.peak_memory_mib, self.longest_stop_ms
        );
        if self.ends > 0 {
            println!("a process ended, or did not come up, by itself: {} times", self.ends);
        }
    }

    fn print_untried(&self, capabilities: &Capabilities) {
        for kind in Kind::of(self.stack) {
            if let Some(capability) =
                kind.needs().filter(|&capability| !capabilities.has(capability))
            {
                println!("not tried: {kind} (needs {capability})");
            } else if !kind.is_usual() && !self.faults.contains_key(&kind) {
                println!("not tried: {kind} (only by its name)");
            }
        }
    }
}

fn line_of(number: usize, cycle: &Cycle) -> String {
    let unknown = cycle.history.iter().filter(|asked| asked.answer.is_unknown()).count();
    let faults: Vec<_> = cycle.faults.iter().map(|injected| injected.fault.to_string()).collect();
    format!(
        "{number:>4}  lane {} sale {:<3} {} sold, {:>5} answers, {unknown:>4} unknown  {}  {}",
        cycle.lane,
        cycle.sale,
        cycle.sold,
        cycle.history.len() - unknown,
        if cycle.breaches.is_empty() { "ok" } else { "BROKEN" },
        faults.join("; "),
    )
}

/// What was broken, and where everything is that the buyers saw.
fn breaches_of(cycle: &Cycle) -> String {
    let mut text = String::new();
    let mut shown: BTreeMap<Promise, usize> = BTreeMap::new();
    for breach in &cycle.breaches {
        let shown = shown.entry(breach.promise).or_default();
        *shown += 1;
        if *shown <= SHOWN_MAX {
            let _ = writeln!(text, "      {breach}");
        }
    }
    let path = cycle.dir.join(format!("sale-{}.txt", cycle.sale));
    let mut lines = String::new();
    for injected in &cycle.faults {
        let _ = writeln!(
            lines,
            "{} to {}: {}",
            injected.injected_ms, injected.healed_ms, injected.fault
        );
    }
    for asked in &cycle.history {
        let _ = writeln!(lines, "{asked:?}");
    }
    for seen in cycle.sightings.seen() {
        let _ = writeln!(lines, "{seen:?}");
    }
    for stood in cycle.sightings.stood() {
        let _ = writeln!(lines, "{stood:?}");
    }
    for watched in cycle.sightings.watched() {
        let _ = writeln!(lines, "{watched:?}");
    }
    for breach in &cycle.breaches {
        let _ = writeln!(lines, "{breach}");
    }
    match fs::write(&path, lines) {
        Ok(()) => {
            let _ = write!(text, "      all that was asked and told: {}", path.display());
        }
        Err(error) => {
            let _ = write!(text, "      cannot write what was asked and told: {error}");
        }
    }
    text
}
