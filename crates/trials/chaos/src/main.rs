//! `make chaos`: the real service under every fault that one machine can provoke, and what its
//! ledger says of it afterwards. Three processes of it on a real Redis and Postgres; or, with
//! `--stack embedded`, one process on SQLite and its own memory, which loses the live store
//! whenever it is killed.
//!
//! Small sales follow each other, three at a time and of different length, with three times as many
//! wishes as units, and a crowd that only looks or stands still. They meet a few faults, while an operator
//! changes them at random, and are healed before the end of all but the shortest; then everything their
//! visitors and operators were told is held against the ledger, sale by sale, and `flashsale audit` is asked.
//! They and the ledger are the only witnesses: this crate shares no code with the service.
//!
//! A seed gives the same faults at the same times again, not the same run: the programs are
//! the real ones.

#![expect(clippy::print_stdout, reason = "what it tells is what it is for")]
#![expect(clippy::print_stderr, reason = "what takes long says what it is doing")]

mod audits;
mod buyers;
mod capabilities;
mod client;
mod clock;
mod crowd;
mod deployment;
mod disk;
mod error;
mod failover;
mod fault;
mod fsync;
mod history;
mod inject;
mod judgement;
mod lane;
mod ledger;
mod masters;
mod mutants;
mod operator;
mod orders;
mod plan;
mod programme;
mod progress;
mod recovery;
mod report;
mod shell;
mod sightings;
mod stack;
mod timetable;
mod trial;
mod upgrade;
mod variants;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    disk::enter_namespace, failover::Failover, masters::Masters, mutants::Mutants, trial::Trial,
    upgrade::Upgrade,
};

/// The service under every fault that one machine can provoke, held against its ledger.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    trial: Trial,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    Failover(Failover),
    Masters(Masters),
    Mutants(Mutants),
    Upgrade(Upgrade),
}

fn main() -> ExitCode {
    let Cli { trial, command } = Cli::parse();
    let outcome = enter_namespace().and_then(|()| match command {
        None => trial.run(),
        Some(Command::Failover(failover)) => failover.run(&trial),
        Some(Command::Masters(masters)) => masters.run(&trial),
        Some(Command::Mutants(mutants)) => mutants.run(&trial),
        Some(Command::Upgrade(upgrade)) => upgrade.run(&trial),
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}
