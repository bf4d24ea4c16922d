//! latency: checkouts at half the rate the service can do, timed from when they were due.

use std::{thread, time::Duration};

use dev_servers::Stack;

use crate::{
    Bench,
    deployment::{Deployment, Floor},
    disk,
    error::BenchError,
    figures::{Latencies, Load, Spread},
    open_loop::{self, Paced, Schedule},
    rates,
    scenarios::grant,
};

/// More runs than elsewhere: a tail is seen seldom.
const MORE_RUNS: usize = 2;

/// Falling behind by more than this part means that the rate was not kept. A stall at the end of
/// one run is no such thing: its latencies tell it.
const SHORTFALL_MAX: f64 = 0.05;

const TAILS: [(&str, f64); 4] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
const P99: usize = 1;

/// What was measured.
pub(crate) struct Latency {
    pub(crate) p99_ms: f64,
    /// All of it, for people.
    pub(crate) list: String,
}

/// Measures at half of `per_second_max`, or first finds out how much that is.
pub(crate) fn measure(
    bench: &Bench,
    stack: Stack,
    load: Load,
    per_second_max: Option<f64>,
) -> Result<Latency, BenchError> {
    let per_second_max = if let Some(known) = per_second_max {
        known
    } else {
        eprintln!("measuring how many grants a second there can be ...");
        rates(&bench.repeat(|| grant::measure(bench, stack, load))?).median
    };
    let Load { connections, seconds } = load;
    let schedule = Schedule { per_second: half(per_second_max), seconds };
    let floor = Floor::start()?;
    let floor = open_loop::checkouts(floor.url(), 1, connections, schedule)?;
    let run = |deployment: &Deployment, seconds| {
        let schedule = Schedule { seconds, ..schedule };
        open_loop::checkouts(deployment.url(), deployment.sale(), connections, schedule)
    };
    // A deployment for each run: no sale has more holds than one of ten thousand units could have
    // for long. The first second of a service is not what its buyers meet.
    let warmed_deployment = || {
        let deployment = Deployment::start(&bench.databases, stack, grant::STOCK)?;
        run(&deployment, 1).map(|_| deployment)
    };
    let runs = (0..bench.runs + MORE_RUNS).map(|_| run(&warmed_deployment()?, seconds));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    // In runs of their own, because two who flush wait for each other.
    let deployment = warmed_deployment()?;
    let disk = bench.repeat(|| {
        thread::scope(|scope| {
            let disk = scope.spawn(|| disk::flushes(Duration::from_secs(seconds.into())));
            run(&deployment, seconds)?;
            disk.join().map_err(|_| BenchError::Wrong("watching the disk broke".to_owned()))?
        })
    })?;
    let (rate, kept) = (f64::from(schedule.per_second), rate_of(&runs).median);
    if kept < rate * (1.0 - SHORTFALL_MAX) {
        let wrong = format!("{rate:.0} requests a second were due, and {kept:.0} were answered");
        return Err(BenchError::Wrong(wrong));
    }
    let title = format!(
        "latency, {}: {rate:.0} checkouts a second, half of {per_second_max:.0}, on {connections} \
         connections; {} runs of {seconds} s, timed from when each was due; disk: a flush \
         beside the same load\n  answers  {kept:>9.2} /s  floor {:.2}",
        stack.name(),
        runs.len(),
        floor.per_second,
    );
    Ok(report(title, floor, runs, disk))
}

/// A line for each quantile, with those of the floor and of the disk.
fn report(title: String, floor: Paced, runs: Vec<Paced>, disk: Vec<Latencies>) -> Latency {
    let quantiles = |latencies: Latencies| latencies.quantiles_ms(TAILS.map(|(_, part)| part));
    let floor = quantiles(floor.latencies);
    let runs: Vec<_> = runs.into_iter().map(|run| quantiles(run.latencies)).collect();
    let disk: Vec<_> = disk.into_iter().map(quantiles).collect();
    let spread = |runs: &[[f64; TAILS.len()]], index: usize| {
        Spread::of(runs.iter().map(|quantiles| quantiles[index]))
    };
    let shown = |Spread { lowest, median, highest }| {
        format!("{median:>9.2} {:<18}", format!("({lowest:.2}-{highest:.2})"))
    };
    let mut list = title;
    for (index, (name, _)) in TAILS.iter().enumerate() {
        let (run, disk) = (shown(spread(&runs, index)), shown(spread(&disk, index)));
        let line = format!("\n  {name:<5} ms {run} floor {:>6.2}   disk {disk}", floor[index]);
        list.push_str(line.trim_end());
    }
    Latency { p99_ms: spread(&runs, P99).median, list }
}

fn rate_of(runs: &[Paced]) -> Spread {
    Spread::of(runs.iter().map(|run| run.per_second))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate of requests is positive and far below four billion"
)]
fn half(per_second: f64) -> u32 {
    ((per_second / 2.0) as u32).max(1)
}
