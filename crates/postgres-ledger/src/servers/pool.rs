//! Pools of connections to whatever server is the ledger.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::Runtime;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Accepted, ConnectError, Connection, Durability, Servers,
    barrier::{self, Beginning, Passed},
    hosts::Host,
    identity::Identity,
    pooler::{self, Looked},
    race::{self, Winner},
};

/// How long a caller may wait for a connection of the pool that somebody else has.
const WAIT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a connection may take to come about, all steps together, of which some have shorter limits
/// of their own.
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
    /// Those who only look, and shall be able to while a standby is away.
    Lookers,
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
        .runtime(Runtime::Tokio1)
        .build()
}

impl Manager {
    pub(crate) fn servers(&self) -> &Servers {
        &self.servers
    }

    /// What a connection to this server begins with.
    fn beginning(&self, host: &Host, identity: &Identity) -> Result<Beginning, ConnectError> {
        if self.is_for == Use::Lookers {
            return Ok(Beginning::Look);
        }
        let durability = self.servers.durability;
        if durability == Durability::Standby && identity.may_not_wait {
            return Err(ConnectError::JustStarted { server: host.name.clone() });
        }
        Ok(Beginning::Barrier(durability))
    }

    /// A connection to whatever server is the ledger now.
    async fn connect(&self) -> Result<Connection, ConnectError> {
        let servers = &self.servers;
        let deadline = Instant::now() + CREATE_TIMEOUT;
        let permit = timeout(WAIT_TIMEOUT, servers.permits.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else { return Err(ConnectError::NoPermit) };
        let mut winner = race::race(servers, &Arc::new(permit), servers.patience()).await?;
        let (host, others) = (Arc::clone(&winner.host), std::mem::take(&mut winner.others));
        let made = self.make(winner, deadline).await;
        let (connection, is_first) = match made {
            Ok(made) => made,
            Err(error) => return Err(error.at(&host.name, others)),
        };
        if is_first {
            Servers::warn_of_unknown(&host, &others);
        }
        Ok(connection)
    }

    /// Makes a connection of use of one to the server that takes writes, and says whether it is the
    /// first to any.
    async fn make(
        &self,
        winner: Winner,
        deadline: Instant,
    ) -> Result<(Connection, bool), ConnectError> {
        let (servers, Winner { host, key, identity, line, .. }) = (&self.servers, winner);
        let candidate = servers.judge(&host, &identity)?;
        let beginning = self.beginning(&host, &identity)?;
        let steps = Steps { host: &host, deadline };
        steps.take("set up", line.client.batch_execute(&self.settings)).await??;
        let Passed { line, kept } = barrier::pass(&host, line, beginning, deadline).await?;
        let compared = pooler::exclude(servers, &host, &key, &line);
        let looked = steps.take("compared with another", compared).await??;
        let Accepted { trust, moves, doubts, is_first } = servers.accept(candidate)?;
        steps.take("looked at for answers", servers.look_back(&line.client, doubts)).await??;
        // Who had a permit before must not record either.
        if self.is_for == Use::Buyers && servers.witness().has_lost() {
            return Err(ConnectError::AnswersLost);
        }
        if trust.is_cancelled() {
            return Err(ConnectError::Outlived);
        }
        if self.is_for != Use::Lookers {
            servers.told.is_used(&host.name);
            // Nobody shall read that the ledger takes writes, and then that it cannot be used so.
            if looked == Looked::AsFarAsCanBe {
                servers.announce(&host, moves, &kept, identity.timeline.is_some());
            }
        }
        Ok((Connection::new(line, trust), is_first))
    }
}

/// What is done to a connection one after the other, by one deadline.
struct Steps<'h> {
    host: &'h Host,
    deadline: Instant,
}

impl Steps<'_> {
    async fn take<T>(
        &self,
        step: &'static str,
        it: impl Future<Output = T>,
    ) -> Result<T, ConnectError> {
        let deadline = self.deadline.min(Instant::now() + WAIT_TIMEOUT);
        let stuck = |_| ConnectError::Stuck { server: self.host.name.clone(), step };
        timeout_at(deadline, it).await.map_err(stuck)
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = ConnectError;

    async fn create(&self) -> Result<Connection, ConnectError> {
        let created = self.connect().await;
        if let Err(error) = &created {
            self.servers.warn_if_full(error);
            self.servers.told.is_kept_by(error);
            if matches!(error, ConnectError::Pooler) {
                self.servers.unusable.cancel();
            }
        }
        created
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::hosts;

    #[tokio::test]
    async fn a_step_that_comes_to_no_end_is_named_with_its_server() {
        let host = Arc::clone(&hosts::each(&"host=a user=x".parse().unwrap(), &[])[0]);
        let steps = Steps { host: &host, deadline: Instant::now() };

        let stuck = steps.take("set up", std::future::pending::<()>()).await.unwrap_err();

        let said = stuck.to_string();
        assert_eq!(said, "a:5432 was silent while a new connection was set up");
    }
}
