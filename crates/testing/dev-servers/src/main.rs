//! Runs a command with a Redis and a Postgres of its own.

use std::{
    env,
    ffi::OsString,
    future,
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use dev_servers::{
    PostgresServer, RedisServer, ServerError,
    tied::{self, Signal as Death},
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    task,
};

const DATABASE: &str = "flashsale";
const DATABASE_URL: &str = "DATABASE_URL";
const REDIS_URL: &str = "REDIS_URL";

/// Private Redis and Postgres servers.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs a command with both servers, and stops them after it.
    ///
    /// The command finds them by `DATABASE_URL` and `REDIS_URL`. A server whose variable is set
    /// already is not started.
    Run {
        /// Keep the database in this directory, and find it there next time.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The command and its arguments.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let Verb::Run { data, command } = Cli::parse().verb;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime
        .map_err(RunError::Signals)
        // The current thread, because the command is tied to the thread that starts it.
        .and_then(|runtime| runtime.block_on(run(data, command)));
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error}"));
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                say(&format!("  because: {cause}"));
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// Why the command was not run, or its end not seen.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
    #[error("cannot run {0}")]
    Command(String, #[source] io::Error),
    #[error("starting the servers panicked")]
    Panicked(#[from] task::JoinError),
}

async fn run(data: Option<PathBuf>, command: Vec<OsString>) -> Result<u8, RunError> {
    // From here on Ctrl-C ends nothing by itself: servers that are started are also stopped.
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let servers = task::spawn_blocking(move || Servers::start(data.as_deref())).await??;
    if let Some(code) = signals.pending().await {
        return Ok(code);
    }

    let name = command[0].to_string_lossy().into_owned();
    let mut tied = tied::command(&command[0], Death::Terminate);
    tied.args(&command[1..]).envs(servers.urls());
    let mut child = tied.spawn().map_err(|error| RunError::Command(name.clone(), error))?;
    let pid = child.id();
    let mut end = task::spawn_blocking(move || child.wait());
    let status = loop {
        tokio::select! {
            status = &mut end => break status?.map_err(|error| RunError::Command(name, error))?,
            // The terminal has told the command as well.
            _ = signals.interrupt.recv() => {}
            // If it fails, the command has just ended, and the next turn sees it.
            _ = signals.terminate.recv() => drop(Death::Terminate.send(pid)),
        }
    };

    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// The servers we started. Those of the environment are left alone.
struct Servers {
    postgres: Option<PostgresServer>,
    redis: Option<RedisServer>,
}

impl Servers {
    fn start(data: Option<&Path>) -> Result<Self, ServerError> {
        let postgres = if env::var_os(DATABASE_URL).is_some() {
            say("Postgres: the one that DATABASE_URL names");
            None
        } else {
            Some(start_postgres(data)?)
        };
        let redis = if env::var_os(REDIS_URL).is_some() {
            say("Redis:    the one that REDIS_URL names");
            None
        } else {
            Some(start_redis()?)
        };
        Ok(Self { postgres, redis })
    }

    fn urls(&self) -> impl Iterator<Item = (&'static str, String)> {
        let postgres = self.postgres.as_ref().map(|server| (DATABASE_URL, server.url(DATABASE)));
        let redis = self.redis.as_ref().map(|server| (REDIS_URL, server.url()));
        postgres.into_iter().chain(redis)
    }
}

fn start_postgres(data: Option<&Path>) -> Result<PostgresServer, ServerError> {
    let server = data.map_or_else(PostgresServer::start, PostgresServer::start_in)?;
    if !server.has_database(DATABASE)? {
        server.create_database(DATABASE)?;
    }
    let dir = server.dir().display();
    say(&format!("Postgres: {}", server.version()?));
    say(&format!("          psql {}", server.url(DATABASE)));
    match data {
        None => say("          forgotten at the end; --data keeps it"),
        Some(wanted) if std::path::absolute(wanted).is_ok_and(|path| path == server.dir()) => {
            say(&format!("          kept in {dir}"));
        }
        Some(wanted) => say(&format!(
            "          kept in {dir}, because the user it runs as cannot enter {}",
            wanted.display()
        )),
    }
    Ok(server)
}

fn start_redis() -> Result<RedisServer, ServerError> {
    let server = RedisServer::start()?;
    say(&format!("Redis:    {}", server.version()?));
    say(&format!("          redis-cli -u {}", server.url()));
    Ok(server)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    /// The exit code of what arrived already, if anything did.
    async fn pending(&mut self) -> Option<u8> {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Some(130),
            _ = self.terminate.recv() => Some(143),
            () = future::ready(()) => None,
        }
    }
}

/// Tells the person at the terminal, whose standard output belongs to the command.
fn say(line: &str) {
    // If nobody reads it any more, the servers still have to be stopped.
    let _ = writeln!(io::stderr(), "{line}");
}
