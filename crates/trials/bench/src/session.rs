//! What `make bench` goes through, and what it holds the service to.

mod crowds;
mod pairs;

use std::collections::HashMap;

use dev_servers::Stack;

use crate::{
    Bench, CONNECTIONS, CONNECTIONS_MOST, Options,
    closed_loop::SoldOut,
    deployment::Floor,
    error::BenchError,
    figures::{Load, Run, Spread},
    marks::{Bound, Marks},
    rates,
    scenarios::{
        Scenario, audit, export, flow, grant, latency, long_day,
        sold_out::{self, AfterTheSale},
    },
    table::{Row, Table},
};

/// What was measured so far.
pub(crate) struct Session<'a> {
    options: &'a Options,
    bench: &'a Bench,
    table: Table,
    marks: Marks,
    /// Rates at the usual number of connections.
    floor: Option<f64>,
    grants: Vec<(Stack, f64)>,
    /// How long things took on servers, by the name of their marks.
    on_servers: HashMap<&'static str, f64>,
}

/// Measures a scenario on a stack, and shows what was found.
type Measure<'a> = fn(&mut Session<'a>, Stack);

impl<'a> Session<'a> {
    /// What is measured once, and not for each number of connections.
    const BELOW: [(Scenario, Measure<'a>); 17] = [
        (Scenario::Keyed, Self::keyed),
        (Scenario::Identity, Self::identity),
        (Scenario::Reads, Self::reads),
        (Scenario::Stream, Self::stream),
        (Scenario::Pages, Self::pages),
        (Scenario::OldLedger, Self::old_ledger),
        (Scenario::Tls, Self::tls),
        (Scenario::Sales, Self::sales),
        (Scenario::Cluster, Self::cluster),
        (Scenario::Idle, Self::idle),
        (Scenario::Latency, Self::latency),
        (Scenario::LongDay, Self::long_day),
        (Scenario::Overload, Self::overload),
        (Scenario::Rebuild, Self::rebuild),
        (Scenario::Recovery, Self::recovery),
        (Scenario::Audit, Self::audit),
        (Scenario::Export, Self::export),
    ];

    pub(crate) fn start(options: &'a Options, bench: &'a Bench) -> Self {
        let (table, marks) = (Table::start(), Marks::default());
        let (floor, grants, on_servers) = (None, Vec::new(), HashMap::new());
        Self { options, bench, table, marks, floor, grants, on_servers }
    }

    /// Measures what was asked for; false if something of it could not be measured.
    pub(crate) fn measure(mut self) -> Result<bool, BenchError> {
        for &connections in &self.options.connections {
            self.rows(connections)?;
        }
        for (scenario, measure) in Self::BELOW {
            if self.wants(scenario) {
                self.options.stacks.iter().for_each(|&stack| measure(&mut self, stack));
            }
        }
        self.marks.print();
        Ok(self.table.is_whole())
    }

    fn wants(&self, scenario: Scenario) -> bool {
        self.options.scenarios.contains(&scenario)
    }

    fn load(&self, connections: u32) -> Load {
        Load { connections, seconds: self.options.seconds }
    }

    /// The rows of one number of connections: the floor, and each scenario on each stack. The stacks
    /// take turns, so that whatever the machine does meanwhile happens to all.
    fn rows(&mut self, connections: u32) -> Result<(), BenchError> {
        let floor = self.floor(connections)?;
        let (load, bench) = (self.load(connections), self.bench);
        let row = |scenario, stack| Row { scenario, stack: Some(stack), connections, floor };
        if self.wants(Scenario::Grant) {
            for (stack, runs) in self.in_turns(|stack| grant::measure(bench, stack, load)) {
                self.grant(row("grant", stack), stack, runs);
            }
        }
        self.after_the_sale(load, row);
        if self.wants(Scenario::Flow) {
            for (stack, sales) in self.in_turns(|stack| flow::measure(bench, stack, load)) {
                self.flow(row("flow", stack), stack, sales);
            }
        }
        Ok(())
    }

    /// Measures each stack as often as was asked for.
    fn in_turns<T>(
        &self,
        mut measure: impl FnMut(Stack) -> Result<T, BenchError>,
    ) -> Vec<(Stack, Result<Vec<T>, BenchError>)> {
        let stacks = self.options.stacks.iter();
        let mut measured: Vec<_> = stacks.map(|&stack| (stack, Ok(Vec::new()))).collect();
        for _ in 0..self.bench.runs {
            for (stack, runs) in &mut measured {
                if let Ok(some) = runs {
                    match measure(*stack) {
                        Ok(run) => some.push(run),
                        Err(error) => *runs = Err(error),
                    }
                }
            }
        }
        measured
    }

    /// Measures the floor; returns the median of its rates.
    fn floor(&mut self, connections: u32) -> Result<f64, BenchError> {
        let floor = Floor::start()?;
        let runs = self.bench.repeat(|| floor.measure(self.load(connections)))?;
        let median = rates(&runs).median;
        if connections == CONNECTIONS {
            self.floor = Some(median);
        }
        self.show(Row { scenario: "floor", stack: None, connections, floor: median }, Ok(runs), "");
        Ok(median)
    }

    /// Shows a row. The stack that does less is held to be no slower.
    fn show(&mut self, row: Row, runs: Result<Vec<Run>, BenchError>, remark: &str) {
        if let Some(beside) = self.table.show(row, runs, remark) {
            let what = format!("{} at {}: embedded ÷ servers", row.scenario, row.connections);
            self.marks.note(what, beside, Bound::AtLeast(1.0));
        }
    }

    fn grant(&mut self, row: Row, stack: Stack, runs: Result<Vec<Run>, BenchError>) {
        if let (CONNECTIONS, Ok(runs)) = (row.connections, &runs) {
            let grants = rates(runs).median;
            self.grants.push((stack, grants));
            self.note(stack, "grant ÷ floor", grants / row.floor, Bound::AtLeast(0.27));
            let cpu_us = Spread::of(runs.iter().map(|run| run.cpu.total())).median;
            self.note(stack, "grant: CPU µs of all programs", cpu_us, Bound::AtMost(45.0));
        }
        // On the embedded stack, what a sale needs is in the memory of the app.
        if let (CONNECTIONS_MOST, Stack::Servers, Ok(runs)) = (row.connections, stack, &runs) {
            let memory_mib = Spread::of(runs.iter().filter_map(|run| run.memory_mib)).highest;
            let what = "grant: MiB of the app at 256 connections";
            self.note(stack, what, memory_mib, Bound::AtMost(64.0));
        }
        self.show(row, runs, "");
    }

    /// The scenarios of a sale that is sold out.
    fn after_the_sale(&mut self, load: Load, row: impl Fn(&'static str, Stack) -> Row) {
        let mut wanted = sold_out::ALL.to_vec();
        wanted.retain(|&(scenario, ..)| self.wants(scenario));
        if wanted.is_empty() {
            return;
        }
        let bench = self.bench;
        let sold_out: Result<HashMap<_, _>, _> = self
            .options
            .stacks
            .iter()
            .map(|&stack| AfterTheSale::reach(bench, stack, load).map(|sold_out| (stack, sold_out)))
            .collect();
        let sold_out = match sold_out {
            Ok(sold_out) => sold_out,
            Err(error) => return self.table.failure("selling out", &error),
        };
        for (scenario, name, measure) in wanted {
            for (stack, runs) in self.in_turns(|stack| measure(&sold_out[&stack], load)) {
                let row = row(name, stack);
                if let (Scenario::Storm, CONNECTIONS, Ok(runs)) = (scenario, row.connections, &runs)
                {
                    let ratio = rates(runs).median / row.floor;
                    self.note(stack, "storm ÷ floor", ratio, Bound::AtLeast(0.45));
                }
                self.show(row, runs, "");
            }
        }
    }

    fn flow(&mut self, row: Row, stack: Stack, sales: Result<Vec<SoldOut>, BenchError>) {
        if let (CONNECTIONS, Ok(sales)) = (row.connections, &sales) {
            let took_s = flow::took_s(sales).median;
            self.note(stack, "flow: seconds to sell out", took_s, Bound::AtMost(1.0));
        }
        let remark = sales.as_deref().map_or_else(|_| String::new(), flow::remark);
        let runs = sales.map(|sales| sales.iter().map(|sale| sale.run).collect());
        self.show(row, runs, &remark);
    }

    fn latency(&mut self, stack: Stack) {
        let known = self.grants.iter().find(|(of, _)| *of == stack).map(|&(_, grants)| grants);
        let latency = latency::measure(self.bench, stack, self.load(CONNECTIONS), known);
        if let Ok(latency) = &latency {
            let what = "latency: p99 ms at half the maximum";
            self.note_time(stack, what, latency.p99_ms, 5.0);
        }
        self.table.below("latency", latency.map(|latency| latency.list));
    }

    fn long_day(&mut self, stack: Stack) {
        let left = long_day::measure(self.bench, stack);
        self.table.below("long day", left);
    }

    fn audit(&mut self, stack: Stack) {
        let took_s = audit::measure(self.bench, stack);
        if let Ok(took_s) = &took_s {
            let what = "audit: seconds for ten million attempts";
            self.note_time(stack, what, took_s.median, 15.0);
        }
        self.table.below("audit", took_s.map(|took_s| audit::line(stack, &took_s)));
    }

    fn export(&mut self, stack: Stack) {
        let exports = export::measure(self.bench, stack);
        if let Ok(exports) = &exports {
            let what = "export: MiB that ten million attempts take beyond one million";
            self.note(stack, what, exports.growth_mib(), Bound::AtMost(8.0));
            self.note(stack, "export: MiB of the command", exports.peak_mib(), Bound::AtMost(96.0));
        }
        self.table.below("export", exports.map(|exports| exports.list(stack)));
    }

    /// Notes how long something took. The stack that does less is held to be no slower.
    fn note_time(&mut self, stack: Stack, what: &'static str, took: f64, most: f64) {
        self.note(stack, what, took, Bound::AtMost(most));
        match stack {
            Stack::Servers => {
                self.on_servers.insert(what, took);
            }
            Stack::Embedded => {
                if let Some(on_servers) = self.on_servers.get(what) {
                    let what = format!("{what}: embedded ÷ servers");
                    self.marks.note(what, took / on_servers, Bound::AtMost(1.0));
                }
            }
        }
    }

    fn note(&mut self, stack: Stack, what: &str, found: f64, bound: Bound) {
        self.marks.note(format!("{what}, {}", stack.name()), found, bound);
    }
}
