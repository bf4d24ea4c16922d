//! Flash sales, as a service: read the settings, put the parts together, serve, stop.

mod account;
mod actions_command;
mod admin;
mod audit_command;
mod backup_command;
mod compose;
mod config;
mod disk;
mod environment;
mod export_command;
mod file_limit;
mod health_command;
mod import_command;
mod inspect_command;
mod kept_file;
mod log;
mod no_live;
mod operator_tokens;
mod order_command;
mod orders;
mod output;
mod peers;
mod products_command;
mod purchases_command;
mod sales_command;
mod serve;
mod signs;
mod supervision;
mod systemd;
mod token_keys;
mod tokens_command;

use std::{error::Error, process::ExitCode};

use crate::config::{Cli, Command, Config, MigrateOptions, Place};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::read();
    #[cfg(target_os = "linux")]
    use_small_pages();
    log::start(cli.config.log_format, &cli.config.rust_log);
    for setting in &cli.shown {
        tracing::warn!(
            "{setting} is on the command line with a password, which everybody on this machine can \
             read there: say it in the environment, or in the file that {setting}_FILE names"
        );
    }
    let command = cli.command();
    let failed = what_failed(&command);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Into::into)
        .and_then(|runtime| {
            let ended = runtime.block_on(run(command, &cli.config));
            // What stands still is not waited for: whatever had to be finished is.
            runtime.shutdown_background();
            ended
        });
    let code = ended.unwrap_or_else(|error| {
        tracing::error!(error = &*error, "{failed}");
        ExitCode::FAILURE
    });
    log::flush();
    code
}

/// What it means to whoever gave the command that it came to no end.
const fn what_failed(command: &Command) -> &'static str {
    match command {
        Command::Serve => "the service has stopped",
        Command::Migrate(_) => "not migrated",
        Command::Sales(_) | Command::Products(_) | Command::Holds(_) | Command::Purchases(_) => {
            "not done"
        }
        Command::Actions(_) => "nothing is shown",
        Command::Import(_) => "nothing was imported",
        Command::Backup(_) => "nothing was backed up",
        Command::Audit(_) => "no audit was made",
        Command::Users(_) | Command::Codes(_) | Command::Units(_) => "nothing was found out",
        Command::Export(_) => "not all was taken out",
        Command::Tokens(_) => "no token was made",
        Command::Health => "it is not known whether it can serve",
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
        Command::Migrate(options) => Box::pin(migrate(&options, config)).await?,
        Command::Sales(command) => Box::pin(sales_command::run(command, config)).await?,
        Command::Products(command) => Box::pin(products_command::run(command, config)).await?,
        Command::Holds(command) => Box::pin(actions_command::run_holds(command, config)).await?,
        Command::Purchases(command) => {
            Box::pin(purchases_command::run(command, config)).await?;
        }
        Command::Actions(command) => actions_command::run(command, config).await?,
        Command::Tokens(command) => tokens_command::run(&command)?,
        Command::Backup(options) => backup_command::run(&options, config).await?,
        Command::Import(options) => import_command::run(&options, config).await?,
        Command::Users(command) => inspect_command::users(command, config).await?,
        Command::Codes(command) => inspect_command::codes(command, config).await?,
        Command::Units(command) => inspect_command::units(command, config).await?,
        Command::Health => return Ok(health_command::run(config.http_addr)?),
        Command::Export(options) => return Ok(export_command::run(&options, config).await?),
        Command::Audit(options) => return Ok(audit_command::run(&options, config).await),
    }
    Ok(ExitCode::SUCCESS)
}

async fn migrate(options: &MigrateOptions, config: &Config) -> Result<(), Box<dyn Error>> {
    let place = config.ledger_place()?;
    if options.new_identity && matches!(place, Place::Embedded { .. }) {
        return Err("a ledger in a directory shares its live store with nobody, and needs no \
                    identity"
            .into());
    }
    compose::migrate(config).await?;
    tracing::info!("the schema is up to date");
    if options.new_identity
        && let Place::Servers { database, .. } = place
    {
        let identity = compose::postgres(database, config)?.renew_identity().await?;
        tracing::info!(%identity, "the ledger is another one from now on");
    }
    Ok(())
}
