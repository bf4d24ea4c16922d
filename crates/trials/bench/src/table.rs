//! The table: a row as soon as its runs are done.

use std::collections::HashMap;

use dev_servers::Stack;

use crate::{
    error::BenchError,
    figures::{Run, Spread},
    processes::Cpu,
};

/// Prints the table, and remembers whether something was not measured.
#[derive(Default)]
pub(crate) struct Table {
    failed: bool,
    /// Requests a second of the rows on servers, for those beside them.
    on_servers: HashMap<(&'static str, u32), f64>,
}

/// What a row is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    /// The floor stands on none.
    pub(crate) stack: Option<Stack>,
    pub(crate) connections: u32,
    /// Requests a second of the floor beside it.
    pub(crate) floor: f64,
}

impl Table {
    /// An empty table, with its heading.
    pub(crate) fn start() -> Self {
        println!(
            "{:<10} {:<8} {:>5} {:>10} {:>17} {:>7} {:>9} {:>8} {:>8} {:>8} {:>6} {:>8} {:>7} {:>7}",
            "scenario",
            "stack",
            "conns",
            "requests/s",
            "(lowest-highest)",
            "÷ floor",
            "÷ servers",
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

    /// Prints one row, with a remark at its end for what only its scenario tells, or why there is
    /// no row. Returns its rate in parts of the servers' if both are known.
    pub(crate) fn show(
        &mut self,
        row: Row,
        runs: Result<Vec<Run>, BenchError>,
        remark: &str,
    ) -> Option<f64> {
        let Row { scenario, stack, connections, floor } = row;
        let stack_name = stack.map_or("", Stack::name);
        let runs = match runs {
            Ok(runs) => runs,
            Err(error) => {
                self.failure(
                    &format!("{scenario} {stack_name}, {connections} connections"),
                    &error,
                );
                return None;
            }
        };
        let rate = Spread::of(runs.iter().map(|run| run.per_second)).median;
        let beside = match stack {
            Some(Stack::Servers) => {
                self.on_servers.insert((scenario, connections), rate);
                None
            }
            Some(Stack::Embedded) => {
                self.on_servers.get(&(scenario, connections)).map(|servers| rate / servers)
            }
            None => None,
        };
        if let Some(figures) = figures(&runs, floor, beside) {
            let line =
                format!("{scenario:<10} {stack_name:<8} {connections:>5} {figures}  {remark}");
            println!("{}", line.trim_end());
        }
        beside
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
fn figures(runs: &[Run], floor: f64, beside: Option<f64>) -> Option<String> {
    let mut sorted: Vec<&Run> = runs.iter().collect();
    sorted.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let run = sorted.get(sorted.len() / 2)?;
    let (lowest, highest) = (sorted.first()?.per_second, sorted.last()?.per_second);
    let Cpu { service, redis, postgres } = run.cpu;
    let known = |figure: Option<f64>, digits: usize| {
        figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
    };
    Some(format!(
        "{:>10.0} {:>17} {:>7.2} {:>9} {:>8.2} {:>8.2} {service:>8.1} {redis:>6.1} {postgres:>8.1} \
         {:>7.1} {:>7}",
        run.per_second,
        format!("({lowest:.0}-{highest:.0})"),
        run.per_second / floor,
        known(beside, 2),
        run.p50_ms,
        run.p99_ms,
        run.cpu.total(),
        known(run.memory_mib, 1),
    ))
}
