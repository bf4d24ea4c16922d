//! `make bench`: how fast the service is, each figure beside the floor of this machine.
//!
//! Starts private servers (fsync on), the release build of the service, on them and on a directory of
//! its own, and the load, all on this machine. Each scenario runs several times; the table has the median of the runs and their
//! spread. CPU time and memory are what the kernel counted for each program under the load.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]
#![expect(clippy::print_stderr, reason = "what takes long says what it is doing")]

mod closed_loop;
mod connection;
mod crowd;
mod databases;
mod deployment;
mod disk;
mod error;
mod exported_sale;
mod figures;
mod light_load;
mod marks;
mod old_attempts;
mod open_loop;
mod processes;
mod redis_figures;
mod scenarios;
mod session;
mod slow_stores;
mod stores;
mod table;
mod wrk;

use std::{num::NonZeroUsize, path::PathBuf, process::ExitCode};

use clap::Parser;
use dev_servers::Stack;

use crate::{
    databases::Databases,
    error::BenchError,
    figures::{Run, Spread},
    scenarios::Scenario,
    session::Session,
};

/// How fast the service is, beside the floor of this machine.
#[derive(Parser)]
struct Options {
    /// What to measure
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Scenario::ALL)]
    scenarios: Vec<Scenario>,
    /// On what the service runs, one row each
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Stack::ALL)]
    stacks: Vec<Stack>,
    /// Connections of the load, one row each
    #[arg(long, value_delimiter = ',', default_value = "16,64,256")]
    connections: Vec<u32>,
    /// Runs of each row; the median is shown
    #[arg(long, default_value = "3")]
    runs: NonZeroUsize,
    /// Seconds of each run
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// The service to measure [default: the one beside this program]
    #[arg(long, value_name = "PROGRAM")]
    service: Option<PathBuf>,
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
    let bench =
        Bench { databases: Databases::start(options.service.clone())?, runs: options.runs.get() };
    Session::start(options, &bench).measure()
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
