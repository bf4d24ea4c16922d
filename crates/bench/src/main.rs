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
mod error;
mod figures;
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
    scenarios::{Scenario, flow, grant, latency, long_day, old_ledger, sold_out},
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

/// What every scenario needs.
struct Bench {
    databases: Databases,
    runs: usize,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(table) if table.is_whole() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<Table, BenchError> {
    let wants = |scenario| options.scenarios.contains(&scenario);
    eprintln!("starting Postgres ...");
    let databases = Databases::start()?;
    let bench = Bench { databases, runs: options.runs.get() };
    let mut table = Table::start();
    let (mut floor_usual, mut grants_usual) = (None, None);
    for &connections in &options.connections {
        let load = Load { connections, seconds: options.seconds };
        let floor = measure_floor(&bench, load, &mut table)?;
        if connections == CONNECTIONS {
            floor_usual = Some(floor);
        }
        if wants(Scenario::Grant) {
            let runs = grant::measure(&bench, load);
            if let (CONNECTIONS, Ok(runs)) = (connections, &runs) {
                grants_usual = Some(median_rate(runs));
            }
            table.show("grant", connections, floor, runs);
        }
        let scenarios: Vec<_> =
            sold_out::ALL.into_iter().filter(|&(scenario, ..)| wants(scenario)).collect();
        sold_out::measure(&bench, load, floor, &scenarios, &mut table);
        if wants(Scenario::Flow) {
            flow::measure(&bench, load, floor, &mut table);
        }
    }
    let load = Load { connections: CONNECTIONS, seconds: options.seconds };
    if wants(Scenario::OldLedger) {
        let floor = floor_usual.map_or_else(|| measure_floor(&bench, load, &mut table), Ok)?;
        old_ledger::measure(&bench, load, floor, &mut table);
    }
    if wants(Scenario::Latency) {
        table.below("latency", latency::measure(&bench, load, grants_usual));
    }
    if wants(Scenario::LongDay) {
        table.below("long day", long_day::measure(&bench));
    }
    Ok(table)
}

/// Measures the floor; returns the median of its rates.
fn measure_floor(bench: &Bench, load: Load, table: &mut Table) -> Result<f64, BenchError> {
    let floor = Floor::start()?;
    let runs = bench.repeat(|| floor.measure(load))?;
    let median = median_rate(&runs);
    table.show("floor", load.connections, median, Ok(runs));
    Ok(median)
}

fn median_rate(runs: &[Run]) -> f64 {
    Spread::of(runs.iter().map(|run| run.per_second)).median
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
