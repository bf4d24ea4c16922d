//! Flash sales, as a service: read the settings, put the parts together, serve, stop.

mod audit_command;
mod compose;
mod config;
mod environment;
mod import_command;
mod sales_command;
mod serve;

use std::{error::Error, io::IsTerminal, process::ExitCode};

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::config::{Cli, Command, Config, LogFormat, MigrateOptions, Place};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(target_os = "linux")]
    use_small_pages();
    log_to_stderr(cli.config.log_format);
    match run(cli.command(), &cli.config).await {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = &*error, "stopped");
            ExitCode::FAILURE
        }
    }
}

/// Has memory cleared in small pages. The allocator asks for huge ones, and whoever wanted a few
/// bytes waits while the kernel clears all of one, which made the slowest answers of a service on a
/// directory: `docs/decisions/09`. Where it cannot be had, nothing is lost but that.
#[cfg(target_os = "linux")]
fn use_small_pages() {
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

async fn run(command: Command, config: &Config) -> Result<ExitCode, Box<dyn Error>> {
    match command {
        Command::Serve => serve::serve(config).await?,
        Command::Migrate(options) => migrate(&options, config).await?,
        Command::Sales(command) => sales_command::run(command, config).await?,
        Command::Import(options) => import_command::run(&options, config).await?,
        Command::Audit(options) => return Ok(audit_command::run(&options, config).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(options: &MigrateOptions, config: &Config) -> Result<(), Box<dyn Error>> {
    compose::register(config).await?;
    tracing::info!("the schema is up to date");
    if options.new_identity {
        let Place::Servers { database_url, .. } = config.ledger_place()? else {
            return Err("a ledger in a directory shares its live store with nobody, and needs no \
                        identity"
                .into());
        };
        let identity = compose::postgres(database_url, config)?.renew_identity().await?;
        tracing::info!(%identity, "the ledger is another one from now on");
    }
    Ok(())
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        // What libraries log of their own daily work is not for an operator.
        .unwrap_or_else(|_| {
            EnvFilter::new("info,actix_server=warn,refinery_core=warn,tokio_postgres=warn")
        });
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => {
            lines.with_ansi(std::io::stderr().is_terminal()).with_target(false).init();
        }
        LogFormat::Json => {
            lines.json().init();
        }
    }
}
