//! What the service keeps what it knows in: on servers, or in a directory.

use std::process::Command;

use clap::ValueEnum;
use dev_servers::RedisServer;

use crate::{
    databases::{Database, Databases},
    directory::Directory,
    error::{BenchError, during},
    past,
    program::beside,
};

/// On what the service runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Stack {
    /// Redis and Postgres
    Servers,
    /// SQLite and the memory of the process
    Embedded,
}

impl Stack {
    pub(crate) const ALL: [Self; 2] = [Self::Servers, Self::Embedded];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::Embedded => "embedded",
        }
    }
}

/// The stores of one service.
pub(crate) enum Stores<'a> {
    Servers {
        database: Database<'a>,
        // A Redis for each: its function library remembers the epochs it served, and would take
        // the sale of the next stand for an old copy.
        redis: RedisServer,
    },
    Embedded(Directory),
}

impl<'a> Stores<'a> {
    /// Empty ones; the ledger has its tables.
    pub(crate) fn make(databases: &'a Databases, stack: Stack) -> Result<Self, BenchError> {
        let stores = match stack {
            Stack::Servers => {
                let database = databases.make()?;
                Self::Servers { database, redis: RedisServer::start()? }
            }
            Stack::Embedded => Self::Embedded(Directory::make()?),
        };
        let mut migrate = stores.service()?;
        migrate.arg("migrate");
        finish(migrate, "migrating")?;
        Ok(stores)
    }

    /// With ten million attempts at sales that are closed.
    pub(crate) fn old(databases: &'a Databases, stack: Stack) -> Result<Self, BenchError> {
        let stores = Self::make(databases, stack)?;
        match &stores {
            Self::Servers { database, .. } => past::give(database)?,
            Self::Embedded(directory) => past::give_directory(directory)?,
        }
        Ok(stores)
    }

    /// The service on these stores, to be told what to do.
    pub(crate) fn service(&self) -> Result<Command, BenchError> {
        let mut command = beside("flashsale")?;
        match self {
            Self::Servers { database, redis } => {
                command.env("DATABASE_URL", database.url()).env("REDIS_URL", redis.url());
            }
            Self::Embedded(directory) => {
                command.env_remove("DATABASE_URL").env_remove("REDIS_URL");
                command.env("DATA_DIR", directory.path());
            }
        }
        command.env("HTTP_ADDR", "127.0.0.1:0").env("RUST_LOG", "info");
        Ok(command)
    }

    /// Runs SQL that both databases understand; returns its rows, one a line, columns divided by
    /// `|`.
    pub(crate) fn rows(&self, sql: &str) -> Result<String, BenchError> {
        match self {
            Self::Servers { database, .. } => database.psql(sql),
            Self::Embedded(directory) => directory.rows(sql),
        }
    }

    /// Runs SQL that returns one number.
    pub(crate) fn number(&self, sql: &str) -> Result<u64, BenchError> {
        let said = self.rows(sql)?;
        said.parse().map_err(|_| BenchError::Unreadable { from: "the ledger", said })
    }

    /// A moment in the ledger's SQL, in ms since the Unix epoch.
    pub(crate) fn ms(&self, moment: &str) -> String {
        match self {
            Self::Servers { .. } => format!("floor(extract(epoch FROM {moment}) * 1000)::bigint"),
            Self::Embedded(_) => moment.to_owned(),
        }
    }

    /// Puts ten more sales of a long day on the timetable.
    pub(crate) fn make_next_sales(&self) -> Result<(), BenchError> {
        self.rows(match self {
            Self::Servers { .. } => include_str!("../sql/next_sales.sql"),
            Self::Embedded(_) => include_str!("../sql/directory/next_sales.sql"),
        })
        .map(drop)
    }

    /// Rows of a table's name, its bytes, and those of its indexes.
    pub(crate) fn table_sizes(&self) -> Result<String, BenchError> {
        self.rows(match self {
            Self::Servers { .. } => include_str!("../sql/table_sizes.sql"),
            Self::Embedded(_) => include_str!("../sql/directory/table_sizes.sql"),
        })
    }

    /// Checkouts of a sale in the ledger with this outcome.
    pub(crate) fn recorded(&self, sale: u64, outcome: &str) -> Result<u64, BenchError> {
        let quickly = match self {
            // Lets the index of live units find grants among millions of others.
            Self::Servers { .. } if outcome == "granted" => "live",
            Self::Servers { .. } => "TRUE",
            // Those of a sale that is on are the last.
            Self::Embedded(_) => "id >= (SELECT first_attempt FROM sales WHERE id = sale_id)",
        };
        self.number(&format!(
            "SELECT count(*) FROM checkout_attempts
             WHERE sale_id = {sale} AND outcome = '{outcome}' AND {quickly}"
        ))
    }

    /// Audits the stores; an error if anything is wrong with them.
    pub(crate) fn audit(&self) -> Result<(), BenchError> {
        let mut audit = self.service()?;
        audit.arg("audit");
        finish(audit, "an audit").map(drop)
    }
}

/// Runs a command of the service that ends by itself; returns what it printed.
pub(crate) fn finish(mut command: Command, what: &'static str) -> Result<String, BenchError> {
    let output = command.output().map_err(during("run the service"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BenchError::Refused { what, said })
}
