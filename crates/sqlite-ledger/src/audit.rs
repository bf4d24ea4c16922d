//! The ledger as an audit looks at it: every look is of one moment, and nobody who sells waits.

use async_trait::async_trait;
use domain::{
    Failure, SaleId, StoreError,
    audit::{Findings, LateHolds},
    ports::{AuditedLedger, Operation, SaleSnapshot},
};

use crate::{SqliteLedger, snapshot::Snapshot};

#[async_trait]
impl AuditedLedger for SqliteLedger {
    async fn audit(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), StoreError> {
        let (dir, mut found) = (self.dir.clone(), findings.clone());
        let audit = tokio::task::spawn_blocking(move || {
            let snapshot = Snapshot::take(&dir)
                .map_err(|error| StoreError::new(Operation::Audit, Failure::NotDone, error));
            let checked = snapshot.and_then(|mut snapshot| {
                snapshot.check(sale, &mut found).map_err(|error| error.during(Operation::Audit))
            });
            (found, checked)
        });
        let audited = audit.await;
        let (found, checked) =
            audited.map_err(|error| StoreError::new(Operation::Audit, Failure::Unknown, error))?;
        *findings = found;
        checked
    }

    async fn late_holds(
        &self,
        sale: Option<SaleId>,
        late_ms: i64,
    ) -> Result<LateHolds, StoreError> {
        let late = self.threads.looker.run(move |tables| tables.late_holds(sale, late_ms)).await;
        let breaches = late.map_err(|error| error.during(Operation::LateHolds))?;
        Ok(LateHolds { breaches, is_attended: self.dir.is_in_service() })
    }

    async fn snapshot(&self, sale: SaleId) -> Result<Option<SaleSnapshot>, StoreError> {
        let snapshot = self.threads.looker.run(move |tables| tables.snapshot(sale)).await;
        snapshot.map_err(|error| error.during(Operation::LedgerSnapshot))
    }
}
