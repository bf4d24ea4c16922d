//! What a trial tells: a line a sale, and a table at its end.

mod orders;
mod reads;

use std::{collections::BTreeMap, fmt::Write as _, fs};

use dev_servers::Stack;

use crate::{
    capabilities::Capabilities,
    fault::Kind,
    history::{Answer, Ask},
    judgement::Promise,
    lane::{Cycle, Judged},
    recovery::{Recoveries, Times},
    report::{orders::Orders, reads::Reads},
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
    /// Programmes of sales that were on together.
    pub(crate) cycles: usize,
    sales: usize,
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
    orders: Orders,
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

    /// Counts what was on together, and tells of it.
    pub(crate) fn add(&mut self, cycle: &Cycle) {
        self.cycles += 1;
        self.ends += cycle.ends;
        self.longest_stop_ms = self.longest_stop_ms.max(cycle.longest_stop_ms);
        self.peak_memory_mib = self.peak_memory_mib.max(cycle.peak_memory_mib);
        for sale in &cycle.sales {
            self.add_sale(sale);
        }
        for injected in &cycle.faults {
            *self.faults.entry(injected.fault.kind).or_default() += 1;
        }
        for recovery in &cycle.recoveries {
            self.recoveries.add(*recovery);
        }
        for breach in cycle.breaches() {
            *self.breaches.entry(breach.promise).or_default() += 1;
        }
        println!("{}", line_of(self.cycles, cycle));
        if cycle.breaches().next().is_some() {
            println!("{}", breaches_of(cycle));
        }
    }

    fn add_sale(&mut self, sale: &Judged) {
        self.sales += 1;
        self.sold += sale.sold;
        self.reads.add(&sale.sightings);
        self.orders.add(&sale.orders);
        for asked in &sale.history {
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
    }

    /// The table at the end.
    pub(crate) fn print(&self, capabilities: &Capabilities) {
        println!();
        println!(
            "{}; {} sales: {} answers, of these {} units granted, {} told again by their key, {} \
             checkouts refused, {} units bought; {} requests without an answer, each asked again; {} units sold",
            description_of(self.stack),
            self.sales,
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
        println!("{}", self.orders);
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
    let mut lines = String::new();
    let faults: Vec<_> = cycle.faults.iter().map(|injected| injected.fault.to_string()).collect();
    let (lane, mut faults) = (cycle.lane, faults.join("; "));
    for (place, sale) in cycle.sales.iter().enumerate() {
        let Judged { part, sale: id, history, orders, sold, breaches, .. } = sale;
        let unknown = history.iter().filter(|asked| asked.answer.is_unknown()).count();
        let (answers, orders, part) = (history.len() - unknown, orders.len(), part.name());
        // What audits find is of all of them.
        let is_broken = !breaches.is_empty() || place == 0 && !cycle.found.is_empty();
        let word = if is_broken { "BROKEN" } else { "ok" };
        let number = if place == 0 { number.to_string() } else { String::new() };
        let _ = write!(
            lines,
            "{number:>4}  lane {lane} sale {id:<3} {part:<9} {sold:>3} sold, {answers:>5} answers, \
             {unknown:>4} unknown, {orders:>2} orders  {word:<6}  {faults}",
        );
        lines.truncate(lines.trim_end().len());
        lines.push('\n');
        faults.clear();
    }
    lines.trim_end().to_owned()
}

/// What was broken, and where everything is that buyers and operators saw.
fn breaches_of(cycle: &Cycle) -> String {
    let mut text = String::new();
    let mut shown: BTreeMap<Promise, usize> = BTreeMap::new();
    for breach in cycle.breaches() {
        let shown = shown.entry(breach.promise).or_default();
        *shown += 1;
        if *shown <= SHOWN_MAX {
            let _ = writeln!(text, "      {breach}");
        }
    }
    let is_broken = |sale: &&Judged| {
        !sale.breaches.is_empty() || cycle.sales.iter().all(|it| it.breaches.is_empty())
    };
    for sale in cycle.sales.iter().filter(is_broken) {
        let path = cycle.dir.join(format!("sale-{}.txt", sale.sale));
        match fs::write(&path, all_of(cycle, sale)) {
            Ok(()) => {
                let _ = writeln!(text, "      all that was asked and told: {}", path.display());
            }
            Err(error) => {
                let _ = writeln!(text, "      cannot write what was asked and told: {error}");
            }
        }
    }
    text.trim_end().to_owned()
}

fn all_of(cycle: &Cycle, sale: &Judged) -> String {
    let mut lines = String::new();
    for injected in &cycle.faults {
        let _ = writeln!(
            lines,
            "{} to {}: {}",
            injected.injected_ms, injected.healed_ms, injected.fault
        );
    }
    for order in &sale.orders {
        let _ = writeln!(lines, "{order:?}");
    }
    for asked in &sale.history {
        let _ = writeln!(lines, "{asked:?}");
    }
    for seen in sale.sightings.seen() {
        let _ = writeln!(lines, "{seen:?}");
    }
    for stood in sale.sightings.stood() {
        let _ = writeln!(lines, "{stood:?}");
    }
    for watched in sale.sightings.watched() {
        let _ = writeln!(lines, "{watched:?}");
    }
    for breach in sale.breaches.iter().chain(&cycle.found) {
        let _ = writeln!(lines, "{breach}");
    }
    lines
}
