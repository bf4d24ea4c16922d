//! Stores as an audit looks at them.

use async_trait::async_trait;

use crate::{
    SaleId, StoreError,
    audit::{Findings, LateHolds, live::LiveSnapshot},
    ports::{SaleRegister, SaleSnapshot},
};

/// A ledger that can be checked while it is written to.
#[async_trait]
pub trait AuditedLedger: SaleRegister {
    /// Checks the invariants of the ledger, of one sale or of all, in one snapshot. What was
    /// found before an error is in `findings`.
    ///
    /// Not among them are holds that are due: see [`late_holds`](Self::late_holds).
    async fn audit(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), StoreError>;

    /// The holds that stand longer than `late_ms` after they were due.
    async fn late_holds(&self, sale: Option<SaleId>, late_ms: i64)
    -> Result<LateHolds, StoreError>;

    /// All that is live of a sale, in one snapshot; or `None` if there is no such sale or it is
    /// closed.
    async fn snapshot(&self, sale: SaleId) -> Result<Option<SaleSnapshot>, StoreError>;
}

/// A live store that can be looked at whole.
#[async_trait]
pub trait AuditedLive: Send + Sync {
    /// Whether the live store answers.
    async fn ping(&self) -> Result<(), StoreError>;

    /// All that is served of a sale, at one moment; or `None` if it is not served. Changes
    /// nothing.
    async fn snapshot(&self, sale: SaleId) -> Result<Option<LiveSnapshot>, StoreError>;
}
