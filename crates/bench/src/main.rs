//! `make bench`: how fast the service is, each figure beside the floor of this machine.
//!
//! Starts private servers (fsync on), the release build of the service, and wrk, all on this
//! machine. Each scenario runs several times; the table has the median of the runs and their
//! spread. CPU time is what the kernel counted for each program while wrk ran.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

mod cpu;
mod stand;
mod wrk;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cpu::Cpu,
    stand::{BenchError, Floor, Stand},
    wrk::{Load, Run},
};

/// How fast the service is, beside the floor of this machine.
#[derive(Parser)]
struct Options {
    /// Connections of the load, one row each
    #[arg(long, value_delimiter = ',', default_value = "16,64,256")]
    connections: Vec<u32>,
    /// Runs of each row; the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Seconds of each run
    #[arg(long, default_value_t = 5)]
    seconds: u32,
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<(), BenchError> {
    println!("{HEADING}");
    for &connections in &options.connections {
        let load = Load { connections, seconds: options.seconds };
        let floor = Floor::start()?;
        let mut floors = Vec::new();
        for _ in 0..options.runs {
            floors.push(floor.measure(load)?);
        }
        drop(floor);
        let floor = median(&floors);
        show("floor", connections, &floors, floor);

        let mut grants = Vec::new();
        let mut storms = Vec::new();
        let mut replays = Vec::new();
        for _ in 0..options.runs {
            let stand = Stand::start(1_000_000)?;
            grants.push(stand.measure("checkout.lua", load, &[])?);
            drop(stand);

            let stand = Stand::start(1_000)?;
            let codes = stand.sell_out(connections)?;
            storms.push(stand.measure("checkout.lua", load, &[])?);
            let file = codes.path().to_string_lossy();
            replays.push(stand.measure("replay.lua", load, &[("CODES", &file)])?);
        }
        show("grant", connections, &grants, floor);
        show("storm", connections, &storms, floor);
        show("replay", connections, &replays, floor);
    }
    Ok(())
}

const HEADING: &str = "scenario  conns   requests/s (lowest-highest)   ÷ floor    p50 ms    p99 ms   \
                       CPU µs: service   redis  postgres";

fn median(runs: &[Run]) -> f64 {
    let mut rates: Vec<_> = runs.iter().map(|run| run.per_second).collect();
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// One row: the run of the median rate, and the spread of the rates.
fn show(scenario: &str, connections: u32, runs: &[Run], floor: f64) {
    let mut sorted: Vec<&Run> = runs.iter().collect();
    sorted.sort_by(|one, other| one.per_second.total_cmp(&other.per_second));
    let (Some(lowest), Some(highest)) = (sorted.first(), sorted.last()) else { return };
    let run = sorted[sorted.len() / 2];
    let Cpu { service, redis, postgres } = run.cpu;
    println!(
        "{scenario:<8} {connections:>6} {:>12.0} ({:>6.0}-{:>6.0}) {:>13.2} {:>9.2} {:>9.2} {:>16.1} {:>7.1} {:>9.1}",
        run.per_second,
        lowest.per_second,
        highest.per_second,
        run.per_second / floor,
        run.p50_ms,
        run.p99_ms,
        service,
        redis,
        postgres,
    );
}
