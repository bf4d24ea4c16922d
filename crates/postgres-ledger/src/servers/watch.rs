//! Looking whether another server has taken the ledger's place, which a process need not notice that
//! nobody asks anything: the one before may go on answering whoever only reads, or may be silent.

use std::{sync::Arc, time::Duration};

use tokio::{sync::Semaphore, time::sleep};

use super::{Servers, race::race};

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Looks again and again, as long as the ledger lives, while it can be on more than one host.
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
    /// one is. Whoever wants a connection hears of what else is found.
    async fn look_around(&self) {
        if self.known().host.is_none() || !self.source.has_several() {
            return;
        }
        // Beside those of the pools, which may all lead to a server that is silent now.
        let Ok(place) = Arc::new(Semaphore::new(1)).try_acquire_owned() else { return };
        let found = match race(self, &Arc::new(place)).await {
            Ok(winner) => self.accept(&winner.host, &winner.identity).map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = found {
            tracing::debug!(error = &error as &dyn std::error::Error, "no look at the ledger");
        }
    }
}
