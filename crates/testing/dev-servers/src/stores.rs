//! The stores of one service: a database and a Redis, or a directory.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, types::ValueRef};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{
    PostgresServer, RedisServer, ServerError,
    error::Attempting,
    stack::{Place, Stack},
};

/// How long a ledger in a directory is waited for while the service writes to it.
const BUSY_LIMIT: Duration = Duration::from_secs(60);

/// The stores of one service. They are gone with this value, but for the database, which goes with
/// its server.
pub enum Stores {
    /// Those of a service that runs on servers.
    Servers {
        /// The ledger.
        database: Database,
        /// The live store, for this service alone: its function library remembers the epochs it
        /// served, and would take another's sale for an old copy.
        redis: Box<RedisServer>,
    },
    /// Those of a service that has neither; its live store is in its own memory.
    Embedded(Directory),
}

/// A database on a Postgres server that may have others.
#[derive(Clone)]
pub struct Database {
    server: Arc<PostgresServer>,
    name: String,
}

/// A directory for the data of one process of the service; it is gone with this value.
pub struct Directory(TempDir);

impl Stores {
    /// This database, and an empty Redis.
    pub fn servers(database: Database) -> Result<Self, ServerError> {
        Ok(Self::Servers { database, redis: Box::new(RedisServer::start()?) })
    }

    /// An empty directory, where the machine has those for temporary files.
    pub fn embedded() -> Result<Self, ServerError> {
        Self::embedded_in(&std::env::temp_dir())
    }

    /// An empty directory in `parent`. One for temporary files may be in memory, where nobody has
    /// to wait for a disk.
    pub fn embedded_in(parent: &Path) -> Result<Self, ServerError> {
        let dir = tempfile::tempdir_in(parent);
        let dir = dir.attempting(format!("make a directory in {}", parent.display()))?;
        Ok(Self::Embedded(Directory(dir)))
    }

    /// Which stack they are of.
    #[must_use]
    pub fn stack(&self) -> Stack {
        match self {
            Self::Servers { .. } => Stack::Servers,
            Self::Embedded(_) => Stack::Embedded,
        }
    }

    /// Where they are.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Servers { database, redis } => {
                Place::Servers { database_url: database.url(), redis_url: redis.url() }
            }
            Self::Embedded(directory) => Place::Embedded { data_dir: directory.path() },
        }
    }

    /// Asks the ledger, past the service: rows as lines, columns divided by `|`. What is asked on
    /// both stacks must be what both databases understand.
    pub fn sql(&self, sql: &str) -> Result<String, ServerError> {
        match self {
            Self::Servers { database, .. } => database.psql(sql),
            Self::Embedded(directory) => directory.sql(sql),
        }
    }
}

impl Database {
    /// Makes an empty database. It is an error if there is one of that name.
    pub fn create(server: &Arc<PostgresServer>, name: &str) -> Result<Self, ServerError> {
        server.create_database(name)?;
        Ok(Self { server: Arc::clone(server), name: name.to_owned() })
    }

    /// Makes a database that holds what `template` holds; see
    /// [`PostgresServer::create_database_from`].
    pub fn create_from(
        server: &Arc<PostgresServer>,
        name: &str,
        template: &str,
    ) -> Result<Self, ServerError> {
        server.create_database_from(name, template)?;
        Ok(Self { server: Arc::clone(server), name: name.to_owned() })
    }

    /// Its URL, for clients on this machine.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// The server it is on.
    #[must_use]
    pub fn server(&self) -> &PostgresServer {
        &self.server
    }

    /// Runs SQL in it; see [`PostgresServer::psql`].
    pub fn psql(&self, sql: &str) -> Result<String, ServerError> {
        self.server.psql(&self.name, sql)
    }

    /// Drops it, cutting off whoever is connected.
    pub fn remove(&self) -> Result<(), ServerError> {
        self.server.drop_database(&self.name)
    }
}

impl Directory {
    /// The directory, which the service makes.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// The ledger in it.
    pub fn open(&self) -> Result<Connection, ServerError> {
        let ledger = Connection::open(self.path().join("ledger.sqlite"))?;
        ledger.busy_timeout(BUSY_LIMIT)?;
        Ok(ledger)
    }

    /// Runs SQL in that; returns rows as `psql` does.
    pub fn sql(&self, sql: &str) -> Result<String, ServerError> {
        let ledger = self.open()?;
        let mut statement = ledger.prepare(sql)?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        let mut lines = String::new();
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| row.get_ref(column).map(as_psql));
            lines.push_str(&values.collect::<Result<Vec<_>, _>>()?.join("|"));
            lines.push('\n');
        }
        Ok(lines)
    }
}

/// A value as `psql` prints it. The ledger has no bytes but codes.
fn as_psql(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(code) => Uuid::from_slice(code).unwrap_or_default().to_string(),
    }
}
