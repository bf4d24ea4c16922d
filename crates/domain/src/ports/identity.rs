//! Who the ledger is.

use async_trait::async_trait;

use crate::{LedgerId, StoreError};

/// A ledger that says who it is, to whoever keeps its live state where another's may be.
#[async_trait]
pub trait LedgerIdentity: Send + Sync {
    /// The ledger's identity. It stays while a process runs.
    async fn identity(&self) -> Result<LedgerId, StoreError>;
}
