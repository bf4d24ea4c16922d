//! Pools of connections to whatever server is the ledger.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::Runtime;
use tokio::time::timeout;

use super::{
    Accepted, ConnectError, Connection, Servers, barrier, pooler,
    race::{self, Winner},
};

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
    is_for: Use,
}

/// Whom connections are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// Those who buy: none is made while answers are known to be lost.
    Buyers,
    /// Everybody else.
    Others,
}

/// A pool of at most so many connections.
pub(crate) fn pool(
    servers: &Arc<Servers>,
    size: usize,
    settings: &str,
    is_for: Use,
) -> Result<Pool, managed::BuildError> {
    let manager = Manager { servers: Arc::clone(servers), settings: settings.into(), is_for };
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
        let place = timeout(WAIT_TIMEOUT, servers.places.clone().acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(ConnectError::NoPlace) };
        let winner = race::race(servers, &Arc::new(place)).await.map_err(ConnectError::if_full)?;
        let Winner { host, key, identity, line } = winner;
        let Accepted { trust, moves } = servers.accept(&host, &identity)?;
        let set = line.client.batch_execute(&self.settings);
        timeout(WAIT_TIMEOUT, set).await.map_err(|_| ConnectError::Silent)??;
        let line = barrier::pass(&host, line, servers.durability).await?;
        pooler::exclude(servers, &host, &key, &line).await?;
        servers.look_back(&line.client, moves).await?;
        // Who had a permit before must not record either.
        if self.is_for == Use::Buyers && servers.witness().has_lost() {
            return Err(ConnectError::AnswersLost);
        }
        if trust.is_cancelled() {
            return Err(ConnectError::Outlived);
        }
        servers.announce(&host, moves);
        Ok(Connection::new(line, trust))
    }

    async fn recycle(
        &self,
        connection: &mut Connection,
        _: &Metrics,
    ) -> RecycleResult<Self::Error> {
        if !connection.is_trusted() {
            // It may have been warned of what nobody waited for any more.
            self.servers.distrust(connection.trust());
        }
        if connection.is_closed() || !connection.is_trusted() {
            return Err(RecycleError::message("it is closed, or not to be trusted any more"));
        }
        Ok(())
    }
}
