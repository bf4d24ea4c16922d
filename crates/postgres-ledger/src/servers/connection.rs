//! One connection, and whether what it says is to be believed.

use std::{
    future::poll_fn,
    ops::{Deref, DerefMut},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use deadpool_postgres::ClientWrapper;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::{AsyncMessage, Config, config::Host, error::Severity};
use tokio_util::sync::CancellationToken;

use super::{
    error::{HostError, shown},
    source::Key,
};

/// A connection to the ledger.
pub(crate) struct Connection {
    client: ClientWrapper,
    credit: Credit,
}

/// A connection of which nothing is known yet.
pub(super) struct Line {
    pub(super) client: ClientWrapper,
    warned: Arc<Warned>,
}

/// Whether the server has warned, and of what.
#[derive(Default)]
struct Warned {
    has: AtomicBool,
    of: Mutex<String>,
}

impl Warned {
    fn hear(&self, of: String) {
        *self.of.lock().unwrap_or_else(PoisonError::into_inner) = of;
        self.has.store(true, Ordering::Release);
    }

    fn of(&self) -> Option<String> {
        let has = self.has.load(Ordering::Acquire);
        has.then(|| self.of.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Whether what a connection said is to be believed.
#[derive(Clone)]
pub(crate) struct Credit {
    warned: Arc<Warned>,
    trust: CancellationToken,
}

impl Credit {
    /// Whether what the server has answered until now is so. A commit whose wait for a standby was
    /// cancelled is told as done, with a warning. Every other warning is taken for that one too: it
    /// has no code of its own, and its words are in the language of the server.
    pub(crate) fn is_good(&self) -> bool {
        !self.warned.has.load(Ordering::Acquire) && !self.trust.is_cancelled()
    }

    /// What the server has warned of.
    pub(crate) fn warning(&self) -> Option<String> {
        self.warned.of()
    }
}

/// The right to have a connection open, to each host at a time.
pub(super) type Permit = Arc<OwnedSemaphorePermit>;

/// Connects to one host. The permit is taken until the connection is closed.
pub(super) async fn open(config: &Config, key: &Key, permit: Permit) -> Result<Line, HostError> {
    let mut config = config.clone();
    if let Some(password) = &key.password {
        config.password(password);
    }
    // What TLS needs for its beginning is large, and would be part of whatever waits for a connection.
    let connected = Box::pin(config.connect(key.connector.clone())).await;
    let is_here = config.get_hostaddrs().is_empty()
        && config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
    let (client, mut connection) = connected.map_err(|error| HostError::of(error, key, is_here))?;
    let warned = Arc::new(Warned::default());
    let heard = Arc::clone(&warned);
    let driven = tokio::spawn(async move {
        let _permit = permit;
        while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                // Handed out before the answer it belongs to.
                Ok(AsyncMessage::Notice(notice)) => {
                    if notice.parsed_severity() == Some(Severity::Warning) {
                        let warning = shown(notice.message());
                        tracing::warn!(warning, "Postgres warns");
                        heard.hear(warning);
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "a connection ended");
                    return;
                }
            }
        }
    });
    Ok(Line { client: ClientWrapper::new(client, driven), warned })
}

impl Line {
    /// What the server has warned of since this was asked last.
    pub(super) fn take_warning(&self) -> Option<String> {
        let warning = self.warned.of();
        self.warned.has.store(false, Ordering::Release);
        warning
    }
}

impl Connection {
    pub(super) fn new(line: Line, trust: CancellationToken) -> Self {
        let Line { client, warned } = line;
        Self { client, credit: Credit { warned, trust } }
    }

    /// Whether what the server has answered until now is so.
    pub(crate) fn is_trusted(&self) -> bool {
        self.credit.is_good()
    }

    /// The trust under which it was made.
    pub(crate) const fn trust(&self) -> &CancellationToken {
        &self.credit.trust
    }

    /// What tells whether it is trusted while somebody else has it.
    pub(crate) fn credit(&self) -> Credit {
        self.credit.clone()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if !self.is_trusted() {
            telemetry::ledger_connection_retired();
        }
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Connection {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}
