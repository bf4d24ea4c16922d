//! `make simulate`: as many runs as wanted, or one of them in full.

#![expect(clippy::print_stdout, reason = "the report is what it is for")]
#![expect(clippy::print_stderr, reason = "what takes long says what it is doing")]

use std::{num::NonZeroUsize, process::ExitCode, thread};

use clap::Parser;
use simulation::{Campaign, Stack, fingerprint, run};

/// How many runs go by between two lines of progress.
const PROGRESS_EVERY: u64 = 10_000;

/// Runs the real services on stores in memory, with everything going wrong by a seed.
#[derive(Parser)]
struct Options {
    /// On what the services run
    #[arg(long, value_enum, default_value_t = Stack::Servers)]
    stack: Stack,
    /// How many seeds to run
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Run this one only, and show all that happens
    #[arg(long)]
    seed: Option<u64>,
    /// How many run at a time [default: one a processor]
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match options.seed {
        Some(seed) => show(options.stack, seed),
        None => run_many(&options),
    }
}

fn show(stack: Stack, seed: u64) -> ExitCode {
    let ran = run(stack, seed, true);
    for line in &ran.trace {
        println!("{line}");
    }
    println!("\nseed {seed}, trace {:016x}: {:?}", fingerprint(&ran.trace), ran.ending);
    if ran.ending.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_many(options: &Options) -> ExitCode {
    let threads = options.threads.or_else(|| thread::available_parallelism().ok());
    let threads = threads.map_or(1, NonZeroUsize::get);
    let seeds = options.first..options.first.saturating_add(options.seeds);
    let progress = |done: u64| {
        if done.is_multiple_of(PROGRESS_EVERY) {
            eprintln!("{done} of {} seeds", options.seeds);
        }
    };
    match Campaign::run(options.stack, seeds, threads, progress) {
        Ok(campaign) => {
            print!("{}", campaign.coverage);
            let Campaign { runs, healed_ms_max, .. } = campaign;
            println!("{runs} runs, nothing wrong; the slowest healed in {healed_ms_max} ms");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}
