//! Pools of connections to whatever server is the ledger.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::Runtime;

use super::{ConnectError, Connection, Servers, barrier, race};

/// How long a caller may wait for a connection of the pool that somebody else has.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection may take to come about: the race, what it is set to, and its barrier, each
/// of which has a shorter limit of its own.
const CREATE_TIMEOUT: Duration = Duration::from_secs(6);

pub(crate) type Pool = managed::Pool<Manager>;
pub(crate) type Object = managed::Object<Manager>;
pub(crate) type PoolError = managed::PoolError<ConnectError>;

/// Makes connections that are set to `settings`.
pub(crate) struct Manager {
    pub(super) servers: Arc<Servers>,
    settings: Arc<str>,
}

/// A pool of at most so many connections.
pub(crate) fn pool(
    servers: &Arc<Servers>,
    size: usize,
    settings: &str,
) -> Result<Pool, managed::BuildError> {
    let manager = Manager { servers: Arc::clone(servers), settings: settings.into() };
    managed::Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(WAIT_TIMEOUT))
        .create_timeout(Some(CREATE_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
}

impl Manager {
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        let servers = &self.servers;
        let winner = race::race(servers).await?;
        let trust = servers.accept(&winner.host, &winner.identity)?;
        let set = winner.line.client.batch_execute(&self.settings);
        tokio::time::timeout(WAIT_TIMEOUT, set).await.map_err(|_| ConnectError::Silent)??;
        let line = barrier::pass(&winner.host, winner.line, servers.durability).await?;
        servers.look_back(&line.client).await?;
        Ok(Connection::new(line, trust))
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<Self::Error> {
        if connection.is_closed() || !connection.is_trusted() {
            return Err(RecycleError::message("it is closed, or not to be trusted any more"));
        }
        Ok(())
    }
}
