//! One Postgres server, and a fresh database for each deployment.

use std::{cell::Cell, path::PathBuf, sync::Arc};

use dev_servers::{Database, PostgresServer, Program, ServerTls};

use crate::error::BenchError;

/// Finished segments of the write-ahead log that wait to be written again: enough for a run.
const SEGMENTS_READY: u32 = 16;

/// A Postgres server as it is after running for a while.
pub(crate) struct Databases {
    server: Arc<PostgresServer>,
    made: Cell<u32>,
    /// The service to measure, if not the one beside this program.
    service: Option<PathBuf>,
}

impl Databases {
    pub(crate) fn start(service: Option<PathBuf>) -> Result<Self, BenchError> {
        Self::on(PostgresServer::start()?, service)
    }

    /// The same, to measure the service of `others`, on a server that speaks TLS too.
    pub(crate) fn start_with_tls(others: &Self, tls: &ServerTls) -> Result<Self, BenchError> {
        let anybody = "host all all 127.0.0.1/32 trust\n";
        Self::on(PostgresServer::start_guarded(anybody, Some(tls))?, others.service.clone())
    }

    fn on(server: PostgresServer, service: Option<PathBuf>) -> Result<Self, BenchError> {
        for setting in ["shared_buffers = '512MB'", "max_wal_size = '8GB'"] {
            server.psql("postgres", &format!("ALTER SYSTEM SET {setting}"))?;
        }
        server.restart()?;
        Ok(Self { server: Arc::new(server), made: Cell::new(0), service })
    }

    /// The port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.server.port()
    }

    /// The service to measure.
    pub(crate) fn service(&self) -> Result<Program, BenchError> {
        Ok(match &self.service {
            Some(path) => Program::at(path),
            None => Program::beside("flashsale")?,
        })
    }

    /// An empty database.
    pub(crate) fn make(&self) -> Result<Database, BenchError> {
        let name = format!("bench_{}", self.made.replace(self.made.get() + 1));
        let database = Database::create(&self.server, &name)?;
        self.warm()?;
        Ok(database)
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
