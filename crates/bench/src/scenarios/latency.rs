//! latency: checkouts at half the rate the service can do, timed from when they were due.

use crate::{
    Bench,
    error::BenchError,
    figures::{Load, Spread},
    open_loop::{self, Paced, Schedule},
    rates,
    scenarios::grant,
    stand::{Floor, Stand},
};

/// More runs than elsewhere: a tail is seen seldom.
const TIMES_RUNS: usize = 3;

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
    load: Load,
    per_second_max: Option<f64>,
) -> Result<Latency, BenchError> {
    let per_second_max = if let Some(known) = per_second_max {
        known
    } else {
        eprintln!("measuring how many grants a second there can be ...");
        rates(&grant::measure(bench, load)?).median
    };
    let Load { connections, seconds } = load;
    let schedule = Schedule { per_second: half(per_second_max), seconds };
    let floor = Floor::start()?;
    let floor = open_loop::checkouts(floor.url(), 1, connections, schedule)?;
    let stand = Stand::start(&bench.databases, grant::STOCK)?;
    let run = || open_loop::checkouts(stand.url(), stand.sale(), connections, schedule);
    // The first seconds of a service are not what its buyers meet.
    run()?;
    let runs = (0..bench.runs * TIMES_RUNS).map(|_| run()).collect::<Result<Vec<_>, _>>()?;
    let (rate, kept) = (f64::from(schedule.per_second), rate_of(&runs).median);
    if kept < rate * (1.0 - SHORTFALL_MAX) {
        let wrong = format!("{rate:.0} requests a second were due, and {kept:.0} were answered");
        return Err(BenchError::Wrong(wrong));
    }
    let title = format!(
        "latency: {} checkouts a second, half of {per_second_max:.0}, on {connections} connections; \
         {} runs of {seconds} s, timed from when each was due",
        schedule.per_second,
        runs.len(),
    );
    Ok(report(title, floor, runs))
}

/// A line for the rate and for each quantile, with the floor's.
fn report(title: String, floor: Paced, runs: Vec<Paced>) -> Latency {
    let line = |name: &str, spread: Spread, unit: &str, floor: f64| {
        let Spread { lowest, median, highest } = spread;
        let spread = format!("({lowest:.2}-{highest:.2})");
        format!("\n  {name:<8} {median:>9.2} {unit} {spread:<19} floor {floor:>9.2}")
    };
    let mut list = title + &line("answers", rate_of(&runs), "/s", floor.per_second);
    let quantiles = |run: Paced| run.latencies.quantiles_ms(TAILS.map(|(_, part)| part));
    let (floor, runs) = (quantiles(floor), runs.into_iter().map(quantiles).collect::<Vec<_>>());
    let spread_of = |index: usize| Spread::of(runs.iter().map(|run| run[index]));
    for (index, (name, _)) in TAILS.iter().enumerate() {
        list.push_str(&line(name, spread_of(index), "ms", floor[index]));
    }
    Latency { p99_ms: spread_of(P99).median, list }
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
