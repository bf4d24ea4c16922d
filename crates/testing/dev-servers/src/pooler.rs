//! Private poolers of connections to Postgres.

use std::{
    env, fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
};

use crate::{
    PostgresServer, ServerError,
    account::Account,
    error::Attempting,
    home::Home,
    log::Log,
    ports::on_a_free_port,
    running::{Recipe, Running},
    tied::{self, Signal},
};

const RECIPE: Recipe = Recipe { program: "pgbouncer", ready: "process up" };

const MISSING: ServerError = ServerError::Missing {
    program: "PgBouncer",
    remedy: "`make deps` installs Debian's package pgbouncer",
};

/// When a server connection is free for another client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Once its client is gone.
    Session,
    /// After each transaction.
    Transaction,
}

/// A pooler of our own in front of a Postgres, for every user who asks.
pub struct Pooler {
    port: u16,
    to: u16,
    connections: u16,
    // Before the directory it works in.
    running: Running,
    home: Home,
}

impl Pooler {
    /// Starts one with so many connections to the server. It is gone when this value is dropped.
    pub fn to(
        server: &PostgresServer,
        pooling: Pooling,
        connections: u16,
    ) -> Result<Self, ServerError> {
        let account = Account::for_postgres()?;
        let home = Home::temporary(account)?;
        let (port, running) = on_a_free_port(|port| {
            run(&home, account, &settings(server.port(), pooling, connections, port))
        })?;
        Ok(Self { port, to: server.port(), connections, running, home })
    }

    /// Has it hand out its connections in another way from now on.
    pub fn change_to(&self, pooling: Pooling) -> Result<(), ServerError> {
        write(&self.home, &settings(self.to, pooling, self.connections, self.port))?;
        self.running.tell_all(Signal::HangUp)
    }

    /// The URL of a database behind it.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

fn settings(server: u16, pooling: Pooling, connections: u16, port: u16) -> String {
    let pool_mode = match pooling {
        Pooling::Session => "session",
        Pooling::Transaction => "transaction",
    };
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={server} user=postgres\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         auth_type = any\n\
         pool_mode = {pool_mode}\n\
         default_pool_size = {connections}\n"
    )
}

fn run(home: &Home, account: Option<Account>, settings: &str) -> Result<Running, ServerError> {
    let file = write(home, settings)?;
    let mut command = tied::command(program()?, Signal::Kill);
    command.arg(&file);
    if let Some(account) = account {
        account.runs(&mut command);
    }
    command.stdin(home.claim().attempting("start pgbouncer")?).process_group(0).current_dir("/");
    Running::start(RECIPE, command, Log::anew(home.path().join("pgbouncer.log"))?)
}

fn write(home: &Home, settings: &str) -> Result<PathBuf, ServerError> {
    let file = home.path().join("pgbouncer.ini");
    let preparing = || format!("write {}", file.display());
    fs::write(&file, settings).attempting(preparing())?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).attempting(preparing())?;
    Ok(file)
}

/// The program, where Debian has it or on PATH.
fn program() -> Result<PathBuf, ServerError> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join("pgbouncer"))
        .find(|program| program.exists())
        .ok_or(MISSING)
}
