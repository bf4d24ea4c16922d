//! One process of a Redis, whatever it is to others.

use std::{
    env,
    ffi::OsString,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::wire;
use crate::{
    ServerError,
    error::Attempting,
    home::Home,
    log::Log,
    ports::{free_port, on_a_free_port},
    running::{Recipe, Running},
    tied::{self, Signal},
};

const MISSING: ServerError = ServerError::Missing {
    program: "Redis",
    remedy: "`make deps` installs Debian's package redis-server; \
             or set REDIS_BIN to the directory that holds redis-server",
};

/// A server, as opposed to what watches one.
pub(super) const SERVER: Recipe =
    Recipe { program: "redis-server", ready: "Ready to accept connections" };

/// How long the server may think about one of our commands.
const REPLY_LIMIT: Duration = Duration::from_secs(30);

/// How long it may think about one that others are asked, too: it may stand still.
const LOOK_LIMIT: Duration = Duration::from_millis(500);

/// How long what several of them have to agree on may take, and how long to wait between two looks:
/// they tell nobody when they are done.
const AGREE_LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A process of a Redis on a port of the loopback interface, in a directory of its own. It is gone when
/// this value is dropped.
pub struct RedisNode {
    program: PathBuf,
    recipe: Recipe,
    ports: Ports,
    settings: Vec<OsString>,
    password: Option<String>,
    running: Mutex<Option<Running>>,
    home: Home,
}

/// Where it listens.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) clients: u16,
    /// For whoever speaks TLS, if anybody is to.
    pub(super) tls: u16,
    /// For the other nodes of a cluster, if there are any.
    pub(super) bus: u16,
}

impl RedisNode {
    /// Starts it with what `settings` makes of its directory and its ports. A password is what it asks
    /// its clients for, us included; it is told by the settings.
    pub(super) fn start(
        home: Home,
        recipe: Recipe,
        password: Option<&str>,
        settings: impl Fn(&Path, Ports) -> Vec<OsString>,
    ) -> Result<Self, ServerError> {
        let program = program()?;
        let (_, (ports, settings, running)) = on_a_free_port(|clients| {
            let free = || free_port().attempting("find a free port");
            let ports = Ports { clients, tls: free()?, bus: free()? };
            let settings = settings(home.path(), ports);
            let running = run(&program, recipe, &home, ports, &settings)?;
            Ok((ports, settings, running))
        })?;
        let password = password.map(str::to_owned);
        let running = Mutex::new(Some(running));
        Ok(Self { program, recipe, ports, settings, password, running, home })
    }

    /// Its port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.clients
    }

    pub(super) fn tls_port(&self) -> u16 {
        self.ports.tls
    }

    pub(super) fn bus_port(&self) -> u16 {
        self.ports.bus
    }

    pub(super) fn dir(&self) -> &Path {
        self.home.path()
    }

    /// What it says it is, such as `Redis server v=7.0.15 …`.
    pub fn version(&self) -> Result<String, ServerError> {
        let output = Command::new(&self.program).arg("--version").output();
        let text = output.attempting("run redis-server")?.stdout;
        Ok(String::from_utf8_lossy(&text).trim().to_owned())
    }

    /// Kills it, with SIGKILL, and all it held.
    pub fn kill(&self) -> Result<(), ServerError> {
        self.running().take().map_or(Ok(()), |mut running| running.end(Signal::Kill).map(drop))
    }

    /// Makes it stand still, heard by nobody and hearing nobody, until [`resume`](Self::resume).
    pub fn pause(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Stop))
    }

    /// Lets it go on.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Continue))
    }

    /// Starts it on the same port, empty, if it does not run.
    pub fn start_again(&self) -> Result<(), ServerError> {
        let mut running = self.running();
        if !running.as_mut().is_some_and(Running::is_alive) {
            drop(running.take());
            let again = run(&self.program, self.recipe, &self.home, self.ports, &self.settings);
            *running = Some(again?);
        }
        Ok(())
    }

    /// Its reply to a command, given as one would type it: a line for each word of a list. A reply that
    /// is an error is one.
    pub fn command(&self, command: &str) -> Result<String, ServerError> {
        Ok(self.ask(command, REPLY_LIMIT)?.join("\n"))
    }

    /// The same, word by word, of one that may stand still.
    pub(super) fn look(&self, command: &str) -> Result<Vec<String>, ServerError> {
        self.ask(command, LOOK_LIMIT)
    }

    /// Nothing, if it is a replica that holds what its master holds.
    pub(super) fn follows(&self) -> Result<(), ServerError> {
        let said = self.look("INFO replication")?.join("\n");
        if said.contains("master_link_status:up") { Ok(()) } else { Err(lacking(said)) }
    }

    fn ask(&self, command: &str, limit: Duration) -> Result<Vec<String>, ServerError> {
        wire::ask(self.port(), self.password.as_deref(), command, limit)
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // A test that panicked has left the server as it is, which is all there is to know.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RedisNode {
    fn drop(&mut self) {
        // Nobody is left to tell; a server that stays is ended with the process.
        let _ = self.kill();
    }
}

fn run(
    program: &Path,
    recipe: Recipe,
    home: &Home,
    ports: Ports,
    settings: &[OsString],
) -> Result<Running, ServerError> {
    let mut command = tied::command(program, Signal::Kill);
    // A file of settings has to come first.
    command
        .args(settings)
        .args(["--bind", "127.0.0.1", "--port", &ports.clients.to_string(), "--dir"])
        .arg(home.path())
        .args(["--daemonize", "no", "--logfile", ""]);
    // Ctrl-C in a terminal is for the service; its databases must outlive its last words.
    command.stdin(home.claim().attempting("start redis-server")?).process_group(0);
    command.current_dir("/");
    Running::start(recipe, command, Log::anew(home.path().join("redis-server.log"))?)
}

/// The settings of a server that keeps nothing on disk and evicts nothing.
pub(super) fn volatile() -> Vec<OsString> {
    let settings = ["--save", "", "--appendonly", "no", "--dbfilename", "dump.rdb"];
    let settings = settings.into_iter().chain(["--maxmemory-policy", "noeviction"]);
    // A replica is wanted now, not when more of them may have come.
    settings.chain(["--repl-diskless-sync-delay", "0"]).map(OsString::from).collect()
}

/// Looks until something is there; after a minute, says what was lacking when it looked last.
pub(super) fn look_until<T>(
    what: &str,
    look: impl FnMut() -> Result<T, ServerError>,
) -> Result<T, ServerError> {
    look_for(AGREE_LIMIT, what, look)
}

/// The same, with another limit.
pub(super) fn look_for<T>(
    limit: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, ServerError>,
) -> Result<T, ServerError> {
    let given_up_at = Instant::now() + limit;
    loop {
        match look() {
            Err(lacking) if Instant::now() > given_up_at => {
                let program = format!("waiting {} s until {what}", limit.as_secs());
                return Err(ServerError::Failed { program, said: lacking.to_string() });
            }
            Err(_) => thread::sleep(LOOK_AGAIN),
            seen => return seen,
        }
    }
}

/// What a look says that did not find what it was for.
pub(super) fn lacking(said: impl Into<String>) -> ServerError {
    ServerError::Failed { program: "looking".to_owned(), said: said.into() }
}

/// The program, Redis or Valkey: in `REDIS_BIN`, else on PATH.
fn program() -> Result<PathBuf, ServerError> {
    let places = env::var_os("REDIS_BIN").or_else(|| env::var_os("PATH")).unwrap_or_default();
    env::split_paths(&places)
        .flat_map(|dir| ["redis-server", "valkey-server"].map(|program| dir.join(program)))
        .find(|program| program.exists())
        .ok_or(MISSING)
}
