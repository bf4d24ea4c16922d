//! Private Postgres clusters.

mod copy;
pub(crate) mod drill;
mod dump;
mod programs;
pub(crate) mod standby;
mod tls;
pub(crate) mod trio;

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    os::unix::{fs::DirBuilderExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::{
    ServerError,
    account::Account,
    error::{Attempting, succeeded},
    home::Home,
    log::Log,
    ports::on_a_free_port,
    running::{Recipe, Running},
    tied::{self, Signal},
};

const RECIPE: Recipe =
    // A standby accepts "read-only connections".
    Recipe { program: "postgres", ready: "database system is ready to accept" };

/// How often a server is looked at that may be on its way back, and how long between two looks:
/// half a minute in all.
const REVIVALS_MAX: u32 = 600;
const REVIVE_AGAIN: Duration = Duration::from_millis(50);

/// A Postgres cluster of our own, with the superuser `postgres` and no password.
pub struct PostgresServer {
    programs: PathBuf,
    account: Option<Account>,
    environment: Vec<(&'static str, OsString)>,
    /// What it is told beside what all are told, such as `cluster_name=server-1`.
    settings: Vec<String>,
    port: u16,
    running: Mutex<Option<Running>>,
    home: Home,
}

impl PostgresServer {
    /// Starts a fresh cluster. It is gone, files and all, when this value is dropped.
    pub fn start() -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        Self::open(Home::temporary(account)?, account, Vec::new(), Self::init)
    }

    /// Starts the cluster that lives in `dir`, made if there is none. It is stopped when this
    /// value is dropped, and what it holds stays.
    ///
    /// Run by root, Postgres needs another user, who may not be able to enter `dir`: then a
    /// directory under `/var/tmp` stands in, and [`dir`](Self::dir) tells which.
    pub fn start_in(dir: &Path) -> Result<Self, ServerError> {
        Self::start_in_with(dir, Vec::new())
    }

    /// [`start_in`](Self::start_in) with these variables in the environment of the server, such
    /// as a library to load first; whenever it is started again, too.
    pub fn start_in_with(
        dir: &Path,
        environment: Vec<(&'static str, OsString)>,
    ) -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        Self::open(Home::at(dir, account)?, account, environment, Self::init)
    }

    /// The URL of one of its databases, for clients on this machine.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The directory that holds the cluster and its log.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.home.path()
    }

    /// Its port on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The numbers of its processes, while it runs.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.running().as_ref().map(Running::pids).unwrap_or_default()
    }

    /// What the server says it is, such as `postgres (PostgreSQL) 15.18`.
    pub fn version(&self) -> Result<String, ServerError> {
        programs::version(&self.programs)
    }

    /// Makes an empty database. It is an error if there is one of that name.
    pub fn create_database(&self, name: &str) -> Result<(), ServerError> {
        self.psql("postgres", &format!("CREATE DATABASE {}", quoted(name)))?;
        Ok(())
    }

    /// Makes a database that holds what `template` holds, much faster than migrations would.
    /// Nobody may be connected to the template meanwhile.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<(), ServerError> {
        let (name, template) = (quoted(name), quoted(template));
        self.psql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(())
    }

    /// Drops a database, cutting off whoever is connected to it.
    pub fn drop_database(&self, name: &str) -> Result<(), ServerError> {
        self.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", quoted(name)))?;
        Ok(())
    }

    /// Whether there is a database of that name.
    pub fn has_database(&self, name: &str) -> Result<bool, ServerError> {
        let names = self.psql("postgres", "SELECT datname FROM pg_database")?;
        Ok(names.lines().any(|line| line == name))
    }

    /// Runs SQL through `psql`, and returns its rows, one a line, columns divided by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> Result<String, ServerError> {
        let output = Command::new(programs::client(&self.programs, "psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .args(["-d", &self.url(database)])
            .stdin(Stdio::null())
            .output()
            .attempting("run psql")?;
        succeeded("psql", &output)
    }

    /// Kills the server as a power cut would, with SIGKILL. Its children are gone when this returns.
    pub fn kill(&self) -> Result<(), ServerError> {
        self.end(Signal::Kill)
    }

    /// Stops the server at once, telling clients but not tidying up: the next start recovers.
    pub fn stop_immediate(&self) -> Result<(), ServerError> {
        self.end(Signal::Quit)
    }

    /// Stops the server cleanly, cutting off its clients.
    pub fn stop(&self) -> Result<(), ServerError> {
        self.end(Signal::Interrupt)
    }

    /// Starts the server on the same port with what it held, if it does not run. It answers
    /// when this returns.
    pub fn start_again(&self) -> Result<(), ServerError> {
        let mut running = self.running();
        if !running.as_mut().is_some_and(Running::is_alive) {
            // First the old one's last children, if it ended by itself.
            if let Some(mut old) = running.take() {
                old.end(Signal::Kill)?;
            }
            *running = Some(self.run(self.port)?);
        }
        Ok(())
    }

    /// Waits until the server answers after something that may have ended it, and starts it again
    /// whenever it has ended: one that recovers may still find out that it cannot.
    pub fn revive(&self) -> Result<(), ServerError> {
        for _ in 0..REVIVALS_MAX {
            self.start_again()?;
            if self.psql("postgres", "SELECT").is_ok() {
                return Ok(());
            }
            thread::sleep(REVIVE_AGAIN);
        }
        self.psql("postgres", "SELECT").map(drop)
    }

    /// Makes the server stand still, heard by nobody and hearing nobody, until
    /// [`resume`](Self::resume).
    pub fn pause(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Stop))
    }

    /// Lets the server go on.
    pub fn resume(&self) -> Result<(), ServerError> {
        self.running().as_ref().map_or(Ok(()), |running| running.tell_all(Signal::Continue))
    }

    /// Stops the server cleanly and starts it again.
    pub fn restart(&self) -> Result<(), ServerError> {
        self.stop()?;
        self.start_again()
    }

    fn open(
        home: Home,
        account: Option<Account>,
        environment: Vec<(&'static str, OsString)>,
        make: impl FnOnce(&Self) -> Result<(), ServerError>,
    ) -> Result<Self, ServerError> {
        Self::stopped(home, account, environment)?.opened(make)
    }

    /// The same, running, and made first if it is not there.
    fn opened(
        mut self,
        make: impl FnOnce(&Self) -> Result<(), ServerError>,
    ) -> Result<Self, ServerError> {
        if !self.cluster().exists() {
            make(&self)?;
        }
        let (port, running) = on_a_free_port(|port| self.run(port))?;
        self.port = port;
        *self.running() = Some(running);
        Ok(self)
    }

    /// One that does not run, and has no port yet.
    fn stopped(
        home: Home,
        account: Option<Account>,
        environment: Vec<(&'static str, OsString)>,
    ) -> Result<Self, ServerError> {
        let (programs, running) = (programs::find()?, Mutex::new(None));
        let settings = Vec::new();
        Ok(Self { programs, account, environment, settings, port: 0, running, home })
    }

    fn cluster(&self) -> PathBuf {
        self.home.path().join("postgres")
    }

    fn init(&self) -> Result<(), ServerError> {
        self.make_cluster("initdb", |initdb| {
            initdb
                .args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale"])
                .args(["--no-instructions", "-D"]);
        })
    }

    /// Makes the cluster, all or nothing: an interrupted run must not leave half of one. The program
    /// is given the directory after its own arguments.
    fn make_cluster(
        &self,
        program: &'static str,
        arguments: impl FnOnce(&mut Command),
    ) -> Result<(), ServerError> {
        let unfinished = self.home.path().join("postgres-unfinished");
        let preparing = || format!("prepare {}", unfinished.display());
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).attempting(preparing())?;
        }
        // A copy keeps the rights of its directory, and Postgres insists on these.
        DirBuilder::new().mode(0o700).create(&unfinished).attempting(preparing())?;

        let mut command = tied::command(self.programs.join(program), Signal::Kill);
        arguments(&mut command);
        command
            .arg(&unfinished)
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(self.home.claim().attempting(preparing())?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.home.is_temporary() {
            // The machine may lose power: then nobody wants these files any more.
            command.arg("--no-sync");
        }
        if let Some(account) = self.account {
            account.owns(&unfinished)?;
            account.runs(&mut command);
        }
        let made = tied::spawn(command).and_then(std::process::Child::wait_with_output);
        succeeded(program, &made.attempting(format!("run {program}"))?)?;

        fs::rename(&unfinished, self.cluster()).attempting(preparing())
    }

    fn run(&self, port: u16) -> Result<Running, ServerError> {
        // Told to quit when we die, never killed: only the server itself can end its children.
        let mut command = tied::command(self.programs.join("postgres"), Signal::Quit);
        command.arg("-D").arg(self.cluster()).env("LC_ALL", "C");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        for setting in [
            &format!("port={port}"),
            "listen_addresses=127.0.0.1",
            "unix_socket_directories=",
            "max_connections=300",
            "fsync=on",
            "logging_collector=off",
            "log_destination=stderr",
            // In files of its own, so that nothing is left in /dev/shm when it is killed.
            "dynamic_shared_memory_type=mmap",
        ] {
            command.args(["-c", setting]);
        }
        command.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        if let Some(account) = self.account {
            account.runs(&mut command);
        }
        // Ctrl-C in a terminal is for the service; its databases must outlive its last words.
        command.stdin(self.home.claim().attempting("start postgres")?).process_group(0);
        command.current_dir("/");
        Running::start(RECIPE, command, Log::anew(self.home.path().join("postgres.log"))?)
    }

    fn end(&self, signal: Signal) -> Result<(), ServerError> {
        self.running().take().map_or(Ok(()), |mut running| running.end(signal).map(drop))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        // A test that panicked has left the server as it is, which is all there is to know.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // Nobody is left to tell; a server that stays is ended with the process.
        let _ = if self.home.is_temporary() { self.stop_immediate() } else { self.stop() };
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
