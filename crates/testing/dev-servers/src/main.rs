//! Runs a command with a Redis and a Postgres of its own.

use std::{
    env,
    ffi::OsString,
    future,
    io::{self, Write},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc,
        mpsc::{self, Sender},
    },
    thread::{self, JoinHandle},
};

use clap::{Parser, Subcommand};
use dev_servers::{
    Drill, PostgresServer, RedisServer, ServerError, Trio,
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
        /// Three Postgres servers, of which two stand by, over TLS: to watch a failover. They are kept
        /// in the directory that --data names.
        #[arg(long, requires = "data")]
        ha: bool,
        /// Keep the database in this directory, and find it there next time.
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// The command and its arguments.
        #[arg(last = true, required = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Does what an operator does in a failover to the three servers of `run --ha`, and says each
    /// command that it runs.
    Ha {
        /// What is done.
        #[command(subcommand)]
        step: Step,
        /// Where the servers are kept.
        #[arg(long, value_name = "DIR", default_value = "target/dev-data-ha", global = true)]
        data: PathBuf,
    },
}

#[derive(Subcommand)]
enum Step {
    /// Says what each server is
    Status,
    /// Kills the server that takes writes, with SIGKILL, and all its children
    Kill {
        /// Which one, where that is another, or two take writes: what only this one has is lost.
        #[arg(value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
        server: Option<u8>,
    },
    /// Promotes the standby that has received most
    Promote,
    /// Makes each a standby that is down, or does not follow
    Rejoin,
    /// Stops all that the run started: the service, Redis and the servers. What they hold stays
    Stop,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Ha { step, data } => drill(&step, &data),
        Verb::Run { ha, data, command } => {
            let runtime = runtime::Builder::new_current_thread().enable_all().build();
            runtime
                .map_err(RunError::Signals)
                // The current thread, because the command is tied to the thread that starts it.
                .and_then(|runtime| runtime.block_on(run(ha, data, command)))
        }
    };
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
    #[error("DATABASE_URL names servers already, and --ha starts others: unset one of the two")]
    TwoDatabases,
}

fn drill(step: &Step, data: &Path) -> Result<u8, RunError> {
    let mut drill = Drill::at(data, say)?;
    match step {
        Step::Status => drill.status(),
        Step::Kill { server } => drill.kill(*server),
        Step::Promote => drill.promote(),
        Step::Rejoin => drill.rejoin(),
        Step::Stop => drill.stop(),
    }?;
    Ok(0)
}

async fn run(ha: bool, data: Option<PathBuf>, command: Vec<OsString>) -> Result<u8, RunError> {
    // From here on Ctrl-C ends nothing by itself: servers that are started are also stopped.
    let mut signals = Signals::listen().map_err(RunError::Signals)?;
    let servers = task::spawn_blocking(move || Servers::start(ha, data.as_deref())).await??;
    if let Some(code) = signals.pending().await {
        return Ok(code);
    }

    let name = command[0].to_string_lossy().into_owned();
    let mut tied = tied::command(&command[0], Death::Terminate);
    tied.args(&command[1..]).envs(servers.told());
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
    postgres: Option<Postgres>,
    redis: Option<RedisServer>,
}

enum Postgres {
    Alone(Box<PostgresServer>),
    Trio(Tended),
}

impl Servers {
    fn start(ha: bool, data: Option<&Path>) -> Result<Self, RunError> {
        let postgres = match (env::var_os(DATABASE_URL), data) {
            (Some(_), _) if ha => return Err(RunError::TwoDatabases),
            (Some(_), _) => {
                say("Postgres: the one that DATABASE_URL names");
                None
            }
            (None, Some(data)) if ha => Some(Postgres::Trio(Tended::start(data)?)),
            (None, data) => Some(Postgres::Alone(Box::new(start_postgres(data)?))),
        };
        let redis = if env::var_os(REDIS_URL).is_some() {
            say("Redis:    the one that REDIS_URL names");
            None
        } else {
            Some(start_redis()?)
        };
        Ok(Self { postgres, redis })
    }

    fn told(&self) -> impl Iterator<Item = (&'static str, String)> {
        let postgres = match &self.postgres {
            None => vec![],
            Some(Postgres::Alone(server)) => vec![(DATABASE_URL, server.url(DATABASE))],
            Some(Postgres::Trio(tended)) => vec![
                (DATABASE_URL, tended.trio.url(DATABASE)),
                ("LEDGER_DURABILITY", "standby".to_owned()),
            ],
        };
        let redis = self.redis.as_ref().map(|server| (REDIS_URL, server.url()));
        postgres.into_iter().chain(redis)
    }
}

/// Three servers, and the thread that starts those again that are to be.
struct Tended {
    trio: Arc<Trio>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Tended {
    fn start(data: &Path) -> Result<Self, ServerError> {
        let trio = Arc::new(Trio::start_in(data, DATABASE, say)?);
        say(&format!("Postgres: {}, a server and two standbys", trio.version()?));
        say(&format!("          psql '{}'", trio.url(DATABASE)));
        say(&format!("          kept in {}", trio.dir().display()));
        Drill::at(trio.dir(), |line: &str| say(&format!("          {line}")))?.status()?;
        say("\nA failover, from another terminal; each says the commands that it runs:\n");
        let program = env::current_exe().unwrap_or_else(|_| PathBuf::from("dev-servers"));
        for step in ["status", "kill", "promote", "rejoin", "stop"] {
            say(&format!("    {} ha {step} --data {}", program.display(), trio.dir().display()));
        }
        say("");
        let (sender, stop) = mpsc::channel();
        let thread = thread::spawn({
            let trio = Arc::clone(&trio);
            move || trio.tend(&stop, say)
        });
        Ok(Self { trio, thread: Some((sender, thread)) })
    }
}

impl Drop for Tended {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.thread.take() {
            drop(sender);
            // What it said last is said already.
            let _ = thread.join();
        }
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
