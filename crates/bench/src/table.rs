//! The table: a row as soon as its runs are done.

use crate::{error::BenchError, figures::Run, processes::Cpu};

/// Prints the table, and remembers whether something was not measured.
#[derive(Default)]
pub(crate) struct Table {
    failed: bool,
}

impl Table {
    /// An empty table, with its heading.
    pub(crate) fn start() -> Self {
        println!(
            "{:<10} {:>5} {:>10} {:>17} {:>7} {:>8} {:>8} {:>8} {:>6} {:>8} {:>7} {:>7}",
            "scenario",
            "conns",
            "requests/s",
            "(lowest-highest)",
            "÷ floor",
            "p50 ms",
            "p99 ms",
            "service",
            "redis",
            "postgres",
            "CPU µs",
            "app MiB",
        );
        Self::default()
    }

    /// One row, or why there is none.
    pub(crate) fn show(
        &mut self,
        scenario: &str,
        connections: u32,
        floor: f64,
        runs: Result<Vec<Run>, BenchError>,
    ) {
        self.show_with(scenario, connections, floor, runs, "");
    }

    /// One row with a remark at its end, for what only this scenario tells.
    pub(crate) fn show_with(
        &mut self,
        scenario: &str,
        connections: u32,
        floor: f64,
        runs: Result<Vec<Run>, BenchError>,
        remark: &str,
    ) {
        match runs {
            Ok(runs) => {
                if let Some(row) = row(&runs, floor) {
                    println!(
                        "{}",
                        format!("{scenario:<10} {connections:>5} {row}  {remark}").trim_end()
                    );
                }
            }
            Err(error) => self.failure(&format!("{scenario} at {connections} connections"), &error),
        }
    }

    /// A list under the table, or why there is none.
    pub(crate) fn below(&mut self, scenario: &str, list: Result<String, BenchError>) {
        println!();
        match list {
            Ok(list) => println!("{list}"),
            Err(error) => self.failure(scenario, &error),
        }
    }

    /// Says what could not be measured, and why.
    pub(crate) fn failure(&mut self, scenario: &str, error: &BenchError) {
        self.failed = true;
        println!("{scenario}: error: {error}");
    }

    /// Whether everything was measured.
    pub(crate) fn is_whole(&self) -> bool {
        !self.failed
    }
}

/// The run of the median rate, and the spread of the rates.
fn row(runs: &[Run], floor: f64) -> Option<String> {
    let mut sorted: Vec<&Run> = runs.iter().collect();
    sorted.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let run = sorted.get(sorted.len() / 2)?;
    let (lowest, highest) = (sorted.first()?.per_second, sorted.last()?.per_second);
    let Cpu { service, redis, postgres } = run.cpu;
    Some(format!(
        "{:>10.0} {:>17} {:>7.2} {:>8.2} {:>8.2} {service:>8.1} {redis:>6.1} {postgres:>8.1} \
         {:>7.1} {:>7}",
        run.per_second,
        format!("({lowest:.0}-{highest:.0})"),
        run.per_second / floor,
        run.p50_ms,
        run.p99_ms,
        run.cpu.total(),
        run.memory_mib.map_or_else(|| "-".to_owned(), |mib| format!("{mib:.1}")),
    ))
}
