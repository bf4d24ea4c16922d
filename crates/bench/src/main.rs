//! `make bench`: how fast the service is, each figure beside the floor of this machine.
//!
//! Starts private servers (fsync on), the release build of the service, and the load, all on this
//! machine. Each scenario runs several times; the table has the median of the runs and their
//! spread. CPU time and memory are what the kernel counted for each program under the load.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::print_stderr, reason = "what takes long says what it is doing")]

mod connection;
mod crowd;
mod databases;
mod disk;
mod error;
mod figures;
mod marks;
mod open_loop;
mod passers_by;
mod past;
mod processes;
mod program;
mod redis_figures;
mod scenarios;
mod stand;
mod table;
mod wrk;

use std::{num::NonZeroUsize, process::ExitCode};

use clap::Parser;

use crate::{
    databases::Databases,
    error::BenchError,
    figures::{Load, Run, Spread},
    marks::{Bound, Marks},
    scenarios::{
        Scenario, audit, flow, grant, latency, long_day,
        old_ledger::{self, Pairs},
        sold_out,
    },
    stand::Floor,
    table::Table,
};

/// How fast the service is, beside the floor of this machine.
#[derive(Parser)]
struct Options {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::ALL)]
    scenarios: Vec<Scenario>,
    /// Connections of the load, one row each
    #[arg(long, value_delimiter = ',', default_value = "16,64,256")]
    connections: Vec<u32>,
    /// Runs of each row; the median is shown
    #[arg(long, default_value = "3")]
    runs: NonZeroUsize,
    /// Seconds of each run
    #[arg(long, default_value_t = 2)]
    seconds: u32,
}

/// Connections of the scenarios that are measured at one number of them only.
const CONNECTIONS: u32 = 64;

/// Where the service's memory is held to its mark.
const CONNECTIONS_MOST: u32 = 256;

/// What every scenario needs.
struct Bench {
    databases: Databases,
    runs: usize,
}

/// What was measured so far.
struct Session<'a> {
    options: &'a Options,
    bench: Bench,
    table: Table,
    marks: Marks,
    /// Rates at the usual number of connections.
    floor: Option<f64>,
    grants: Option<f64>,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures what was asked for; false if something of it could not be measured.
fn measure(options: &Options) -> Result<bool, BenchError> {
    eprintln!("starting Postgres ...");
    let bench = Bench { databases: Databases::start()?, runs: options.runs.get() };
    let (table, marks) = (Table::start(), Marks::default());
    let mut session = Session { options, bench, table, marks, floor: None, grants: None };
    for &connections in &options.connections {
        session.rows(connections)?;
    }
    if session.wants(Scenario::OldLedger) {
        session.old_ledger()?;
    }
    if session.wants(Scenario::Latency) {
        session.latency();
    }
    if session.wants(Scenario::LongDay) {
        let left = long_day::measure(&session.bench);
        session.table.below("long day", left);
    }
    if session.wants(Scenario::Audit) {
        session.audit();
    }
    session.marks.print();
    Ok(session.table.is_whole())
}

impl Session<'_> {
    fn wants(&self, scenario: Scenario) -> bool {
        self.options.scenarios.contains(&scenario)
    }

    fn load(&self, connections: u32) -> Load {
        Load { connections, seconds: self.options.seconds }
    }

    /// The rows of one number of connections, the floor first.
    fn rows(&mut self, connections: u32) -> Result<(), BenchError> {
        let load = self.load(connections);
        let floor = self.floor(connections)?;
        if self.wants(Scenario::Grant) {
            let runs = grant::measure(&self.bench, load);
            if let Ok(runs) = &runs {
                self.note_grants(connections, floor, runs);
            }
            self.table.show("grant", connections, floor, runs);
        }
        let after_the_sale: Vec<_> =
            sold_out::ALL.into_iter().filter(|&(scenario, ..)| self.wants(scenario)).collect();
        let measured =
            sold_out::measure(&self.bench, load, &after_the_sale, |scenario, name, runs| {
                if let (Scenario::Storm, CONNECTIONS, Ok(runs)) = (scenario, connections, &runs) {
                    let ratio = rates(runs).median / floor;
                    self.marks.note("storm ÷ floor", ratio, Bound::AtLeast(0.45));
                }
                self.table.show(name, connections, floor, runs);
            });
        if let Err(error) = measured {
            self.table.failure("selling out", &error);
        }
        if self.wants(Scenario::Flow) {
            let sales = flow::measure(&self.bench, load);
            if let (CONNECTIONS, Ok(sales)) = (connections, &sales) {
                let took_s = flow::took_s(sales).median;
                self.marks.note("flow: seconds to sell out", took_s, Bound::AtMost(1.0));
            }
            let remark = sales.as_deref().map_or_else(|_| String::new(), flow::remark);
            let runs = sales.map(|sales| sales.iter().map(|sale| sale.run).collect());
            self.table.show_with("flow", connections, floor, runs, &remark);
        }
        Ok(())
    }

    /// Measures the floor; returns the median of its rates.
    fn floor(&mut self, connections: u32) -> Result<f64, BenchError> {
        let floor = Floor::start()?;
        let runs = self.bench.repeat(|| floor.measure(self.load(connections)))?;
        let median = rates(&runs).median;
        if connections == CONNECTIONS {
            self.floor = Some(median);
        }
        self.table.show("floor", connections, median, Ok(runs));
        Ok(median)
    }

    fn note_grants(&mut self, connections: u32, floor: f64, runs: &[Run]) {
        if connections == CONNECTIONS {
            let grants = rates(runs).median;
            self.grants = Some(grants);
            self.marks.note("grant ÷ floor", grants / floor, Bound::AtLeast(0.27));
            let cpu_us = Spread::of(runs.iter().map(|run| run.cpu.total())).median;
            self.marks.note("grant: CPU µs of all programs", cpu_us, Bound::AtMost(45.0));
        }
        if connections == CONNECTIONS_MOST {
            let memory_mib = Spread::of(runs.iter().filter_map(|run| run.memory_mib)).highest;
            let what = "grant: MiB of the app at 256 connections";
            self.marks.note(what, memory_mib, Bound::AtMost(64.0));
        }
    }

    fn old_ledger(&mut self) -> Result<(), BenchError> {
        let floor = self.floor.map_or_else(|| self.floor(CONNECTIONS), Ok)?;
        match old_ledger::measure(&self.bench, self.load(CONNECTIONS)) {
            Ok(Pairs { old, new }) => {
                let ratio = rates(&old).median / rates(&new).median;
                self.marks.note("old ledger: grants ÷ a new ledger's", ratio, Bound::AtLeast(0.9));
                self.table.show("new ledger", CONNECTIONS, floor, Ok(new));
                let remark = format!("old ÷ new {ratio:.2}");
                self.table.show_with("old ledger", CONNECTIONS, floor, Ok(old), &remark);
            }
            Err(error) => self.table.failure("old ledger", &error),
        }
        Ok(())
    }

    fn audit(&mut self) {
        let took_s = audit::measure(&self.bench);
        if let Ok(took_s) = &took_s {
            let what = "audit: seconds for ten million attempts";
            self.marks.note(what, took_s.median, Bound::AtMost(15.0));
        }
        self.table.below("audit", took_s.map(|took_s| audit::line(&took_s)));
    }

    fn latency(&mut self) {
        let latency = latency::measure(&self.bench, self.load(CONNECTIONS), self.grants);
        if let Ok(latency) = &latency {
            let what = "latency: p99 ms at half the maximum";
            self.marks.note(what, latency.p99_ms, Bound::AtMost(5.0));
        }
        self.table.below("latency", latency.map(|latency| latency.list));
    }
}

/// Requests a second of these runs.
fn rates(runs: &[Run]) -> Spread {
    Spread::of(runs.iter().map(|run| run.per_second))
}

impl Bench {
    /// Measures as often as was asked for.
    fn repeat<T>(
        &self,
        measure: impl FnMut() -> Result<T, BenchError>,
    ) -> Result<Vec<T>, BenchError> {
        std::iter::repeat_with(measure).take(self.runs).collect()
    }
}
