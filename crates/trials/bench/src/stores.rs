//! What the service keeps what it knows in, and what a bench asks of it.

use std::{env, path::Path};

use dev_servers::{Database, Directory, Place, Program, RedisServer, ServerTls, Stack};

use crate::{
    databases::Databases,
    error::{BenchError, during},
    old_attempts,
};

/// The stores of one service, and the service to be run on them.
pub(crate) struct Stores {
    stores: dev_servers::Stores,
    service: Program,
}

impl Stores {
    /// Empty ones; the ledger has its tables.
    pub(crate) fn make(databases: &Databases, stack: Stack) -> Result<Self, BenchError> {
        let stores = match stack {
            Stack::Servers => dev_servers::Stores::servers(databases.make()?)?,
            // Beside the build, because a directory for temporary files may be in memory.
            Stack::Embedded => {
                let here = env::current_exe().map_err(during("find this program"))?;
                dev_servers::Stores::embedded_in(here.parent().unwrap_or(Path::new(".")))?
            }
        };
        let service = databases.service()?.on(&stores.place()).env("RUST_LOG", "info");
        service.run(&["migrate"])?;
        Ok(Self { stores, service })
    }

    /// Empty ones on servers that speak TLS too, which is used if there is an authority (a file) that
    /// knows them as `localhost`.
    pub(crate) fn make_with_tls(
        databases: &Databases,
        tls: &ServerTls,
        authority: Option<&Path>,
    ) -> Result<Self, BenchError> {
        let database = databases.make()?;
        let redis = Box::new(RedisServer::start_with_tls(tls)?);
        let url = database.url();
        let place = match authority {
            Some(_) => Place::Servers {
                database_url: url.replace("127.0.0.1", "localhost") + "?sslmode=verify-full",
                redis_url: format!("rediss://localhost:{}", redis.tls_port()),
            },
            None => {
                Place::Servers { database_url: url + "?sslmode=disable", redis_url: redis.url() }
            }
        };
        let mut service = databases.service()?.on(&place).env("RUST_LOG", "info");
        if let Some(file) = authority {
            service = service.env("DATABASE_CA_FILE", file).env("REDIS_CA_FILE", file);
        }
        service.run(&["migrate"])?;
        Ok(Self { stores: dev_servers::Stores::Servers { database, redis }, service })
    }

    /// With ten million attempts at sales that are closed.
    pub(crate) fn old(databases: &Databases, stack: Stack) -> Result<Self, BenchError> {
        let stores = Self::make(databases, stack)?;
        match &stores.stores {
            dev_servers::Stores::Servers { .. } => old_attempts::record(&stores)?,
            dev_servers::Stores::Embedded(directory) => {
                old_attempts::record_in_directory(directory)?;
            }
        }
        Ok(stores)
    }

    /// With 200 sales that are closed, of which nobody wanted anything.
    pub(crate) fn with_closed_sales(
        databases: &Databases,
        stack: Stack,
    ) -> Result<Self, BenchError> {
        let stores = Self::make(databases, stack)?;
        match &stores.stores {
            dev_servers::Stores::Servers { .. } => old_attempts::record_sales(&stores)?,
            dev_servers::Stores::Embedded(directory) => {
                old_attempts::record_sales_in_directory(directory)?;
            }
        }
        Ok(stores)
    }

    /// The service on these stores, to be told what to do.
    pub(crate) fn service(&self) -> Program {
        self.service.clone()
    }

    /// The database, if there is one.
    pub(crate) fn database(&self) -> Option<&Database> {
        match &self.stores {
            dev_servers::Stores::Servers { database, .. } => Some(database),
            dev_servers::Stores::Embedded(_) => None,
        }
    }

    /// The directory, if there is no database.
    pub(crate) fn directory(&self) -> Option<&Directory> {
        match &self.stores {
            dev_servers::Stores::Servers { .. } => None,
            dev_servers::Stores::Embedded(directory) => Some(directory),
        }
    }

    /// Lets the service that is started next reach the database through this port.
    pub(crate) fn reach_database_at(&mut self, port: u16) {
        if let Place::Servers { database_url, redis_url } = self.stores.place()
            && let Some((server, name)) = database_url.rsplit_once('/')
            && let Some((host, _)) = server.rsplit_once(':')
        {
            let database_url = format!("{host}:{port}/{name}");
            self.service = self.service().on(&Place::Servers { database_url, redis_url });
        }
    }

    /// Has the service that is started next use another Redis.
    pub(crate) fn reach_redis_at(&mut self, redis_url: String) {
        if let Place::Servers { database_url, .. } = self.stores.place() {
            self.service = self.service().on(&Place::Servers { database_url, redis_url });
        }
    }

    /// The Redis, if there is one.
    pub(crate) fn redis(&self) -> Option<&RedisServer> {
        match &self.stores {
            dev_servers::Stores::Servers { redis, .. } => Some(redis),
            dev_servers::Stores::Embedded(_) => None,
        }
    }

    /// Runs SQL that both databases understand; returns its rows, one a line, columns divided by
    /// `|`.
    pub(crate) fn rows(&self, sql: &str) -> Result<String, BenchError> {
        Ok(self.stores.sql(sql)?.trim().to_owned())
    }

    /// Runs SQL that returns one number.
    pub(crate) fn number(&self, sql: &str) -> Result<u64, BenchError> {
        let said = self.rows(sql)?;
        said.parse().map_err(|_| BenchError::Unreadable { from: "the ledger", said })
    }

    /// A moment in the ledger's SQL, in ms since the Unix epoch.
    pub(crate) fn ms(&self, moment: &str) -> String {
        match self.stores.stack() {
            Stack::Servers => format!("floor(extract(epoch FROM {moment}) * 1000)::bigint"),
            Stack::Embedded => moment.to_owned(),
        }
    }

    /// Puts ten more sales of a long day on the timetable.
    pub(crate) fn make_next_sales(&self) -> Result<(), BenchError> {
        self.rows(match self.stores.stack() {
            Stack::Servers => include_str!("../sql/next_sales.sql"),
            Stack::Embedded => include_str!("../sql/directory/next_sales.sql"),
        })
        .map(drop)
    }

    /// Rows of a table's name, its bytes, and those of its indexes.
    pub(crate) fn table_sizes(&self) -> Result<String, BenchError> {
        self.rows(match self.stores.stack() {
            Stack::Servers => include_str!("../sql/table_sizes.sql"),
            Stack::Embedded => include_str!("../sql/directory/table_sizes.sql"),
        })
    }

    /// Checkouts of a sale in the ledger with this outcome.
    pub(crate) fn recorded(&self, sale: u64, outcome: &str) -> Result<u64, BenchError> {
        let quickly = match self.stores.stack() {
            // Lets the index of live units find grants among millions of others.
            Stack::Servers if outcome == "granted" => "live",
            Stack::Servers => "TRUE",
            // Those of a sale that is on are the last.
            Stack::Embedded => "id >= (SELECT first_attempt FROM sales WHERE id = sale_id)",
        };
        self.number(&format!(
            "SELECT count(*) FROM checkout_attempts
             WHERE sale_id = {sale} AND outcome = '{outcome}' AND {quickly}"
        ))
    }

    /// Audits the stores; an error if anything is wrong with them.
    pub(crate) fn audit(&self) -> Result<(), BenchError> {
        self.service.run(&["audit"])?;
        Ok(())
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        if let dev_servers::Stores::Servers { database, .. } = &self.stores {
            // What stays goes with the server. Dropping it now also writes out what is dirty, so
            // that the next run does not pay for this one.
            let _ = database.remove();
        }
    }
}
