//! One Postgres server, and a fresh database for each stand.

use std::cell::Cell;

use dev_servers::PostgresServer;

use crate::error::BenchError;

/// Finished segments of the write-ahead log that wait to be written again: enough for a run.
const SEGMENTS_READY: u32 = 16;

/// A Postgres server as it is after running for a while.
pub(crate) struct Databases {
    server: PostgresServer,
    made: Cell<u32>,
}

/// A database that is dropped with this value.
pub(crate) struct Database<'a> {
    server: &'a PostgresServer,
    name: String,
}

impl Databases {
    pub(crate) fn start() -> Result<Self, BenchError> {
        let server = PostgresServer::start()?;
        for setting in ["shared_buffers = '512MB'", "max_wal_size = '8GB'"] {
            server.psql("postgres", &format!("ALTER SYSTEM SET {setting}"))?;
        }
        server.restart()?;
        Ok(Self { server, made: Cell::new(0) })
    }

    /// An empty database.
    pub(crate) fn make(&self) -> Result<Database<'_>, BenchError> {
        let name = format!("bench_{}", self.made.replace(self.made.get() + 1));
        self.server.create_database(&name)?;
        self.warm()?;
        Ok(Database { server: &self.server, name })
    }

    /// Sees to it that log segments wait to be written again.
    ///
    /// A server that has run for a while recycles its segments. A new one has to make each, 16
    /// MiB filled with zeros and flushed, and every commit waits for that, tens of milliseconds:
    /// a stall that nobody sees but who measures a server in its first seconds.
    fn warm(&self) -> Result<(), BenchError> {
        let ready = self.server.psql(
            "postgres",
            "SELECT count(*) FROM pg_ls_waldir() WHERE name > pg_walfile_name(pg_current_wal_lsn())",
        )?;
        if ready.trim().parse().is_ok_and(|ready: u32| ready >= SEGMENTS_READY) {
            return Ok(());
        }
        // Messages nobody reads fill the log and nothing else. The checkpoint keeps as many
        // segments as were filled since the one before.
        let fill = format!(
            "SELECT count(pg_logical_emit_message(true, 'bench', repeat('x', 1048576)))
             FROM generate_series(1, 16 * {})",
            SEGMENTS_READY + 1
        );
        self.server.psql("postgres", &fill)?;
        self.server.psql("postgres", "CHECKPOINT")?;
        Ok(())
    }
}

impl Database<'_> {
    pub(crate) fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Runs SQL, and returns its rows, one a line, columns divided by `|`.
    pub(crate) fn psql(&self, sql: &str) -> Result<String, BenchError> {
        Ok(self.server.psql(&self.name, sql)?.trim().to_owned())
    }

    /// Runs SQL that returns one number.
    pub(crate) fn number(&self, sql: &str) -> Result<u64, BenchError> {
        let said = self.psql(sql)?;
        said.parse().map_err(|_| BenchError::Unreadable { from: "psql", said })
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // What stays goes with the server. Dropping it now also writes out what is dirty, so
        // that the next run does not pay for this one.
        let _ = self.server.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
