//! Whose sales these are: the ledger's identity, which every function is told.

use std::sync::Arc;

use domain::{LedgerId, StoreError, ports::LedgerIdentity};
use tokio::sync::OnceCell;

/// The ledger that the live store works for. Clones know as much as any of them has heard.
#[derive(Clone)]
pub(crate) struct Owner {
    ledger: Arc<dyn LedgerIdentity>,
    known: Arc<OnceCell<LedgerId>>,
}

impl Owner {
    pub(crate) fn new(ledger: Arc<dyn LedgerIdentity>) -> Self {
        Self { ledger, known: Arc::default() }
    }

    /// The ledger's identity, asked for until it is known, and then never again.
    pub(crate) async fn id(&self) -> Result<LedgerId, StoreError> {
        self.known.get_or_try_init(|| self.ledger.identity()).await.copied()
    }
}
