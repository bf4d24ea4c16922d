//! Looking whether another server has taken the ledger's place, which a process need not notice that
//! nobody asks anything: the one before may go on answering whoever only reads, or may be silent. And
//! whether the ledger still keeps answers as far as is demanded: a connection looks when it begins,
//! and may live for months.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};

use super::{Accepted, ConnectError, Durability, Servers, barrier, race::race};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks again and again, as long as the ledger lives, while it can be on more than one host or more
/// is demanded of it than a disk.
pub(crate) fn watch(servers: &Arc<Servers>) {
    let servers = Arc::downgrade(servers);
    tokio::spawn(async move {
        loop {
            sleep(LOOK_EVERY).await;
            let Some(servers) = servers.upgrade() else { return };
            servers.look_around().await;
        }
    });
}

impl Servers {
    /// Asks all hosts, and distrusts every connection to the server that was the ledger if another
    /// one is, or if it does not keep answers far enough any more. Whoever wants a connection hears of
    /// what else is found.
    async fn look_around(&self) {
        let is_of_use = self.source.has_several() || self.durability != Durability::Single;
        if self.known().host.is_none() || !is_of_use {
            return;
        }
        if let Err(error) = self.look_at_hosts().await {
            tracing::debug!(error = &error as &dyn std::error::Error, "no look at the ledger");
        }
    }

    async fn look_at_hosts(&self) -> Result<(), ConnectError> {
        // Beside those of the pools, which may all lead to a server that is silent now.
        let place = Arc::new(Semaphore::new(1)).try_acquire_owned();
        let place = Arc::new(place.map_err(|_| ConnectError::NoPlace)?);
        let winner = race(self, &place).await?;
        let Accepted { trust, .. } = self.accept(&winner.host, &winner.identity)?;
        if self.durability == Durability::Single {
            return Ok(());
        }
        let looked = barrier::look_again(&winner.line, self.durability).await;
        if let Err(error @ ConnectError::NotDurable { .. }) = &looked {
            tracing::warn!(
                error = error as &dyn std::error::Error,
                "the ledger keeps less than it did"
            );
            self.distrust(&trust);
        }
        looked
    }
}
