//! The ledger as an audit looks at it: every look is of one moment, and nobody who sells waits.

use async_trait::async_trait;
use domain::{
    Failure, SaleId, StoreError,
    audit::{Findings, LateHolds},
    ports::{AuditedLedger, Operation, SaleSnapshot},
};

use crate::{DataDir, SqliteLedger, snapshot::Snapshot, tables::Tables, worker::Worker};

#[async_trait]
impl AuditedLedger for SqliteLedger {
    async fn audit(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), StoreError> {
        let before = findings.clone();
        let audited = match self.workers.dir.clone() {
            Some(dir) => audit_beside(dir, sale, before).await,
            None => audit_between(&self.workers.looker, sale, before).await,
        };
        let (found, checked) = audited?;
        *findings = found;
        checked
    }

    async fn late_holds(
        &self,
        sale: Option<SaleId>,
        late_ms: i64,
    ) -> Result<LateHolds, StoreError> {
        let late = self.workers.looker.run(move |tables| tables.late_holds(sale, late_ms)).await;
        let breaches = late.map_err(|error| error.during(Operation::LateHolds))?;
        // Whoever has a ledger in memory serves from it.
        let is_attended = self.workers.dir.as_ref().is_none_or(DataDir::is_in_service);
        Ok(LateHolds { breaches, is_attended })
    }

    async fn snapshot(&self, sale: SaleId) -> Result<Option<SaleSnapshot>, StoreError> {
        let snapshot = self.workers.looker.run(move |tables| tables.snapshot(sale)).await;
        snapshot.map_err(|error| error.during(Operation::LedgerSnapshot))
    }
}

/// What was found, and whether all could be checked.
type Audited = (Findings, Result<(), StoreError>);

/// Audits on connections of its own, beside all other work.
async fn audit_beside(
    dir: DataDir,
    sale: Option<SaleId>,
    mut found: Findings,
) -> Result<Audited, StoreError> {
    let audit = tokio::task::spawn_blocking(move || {
        let snapshot = Snapshot::take(&dir)
            .map_err(|error| StoreError::new(Operation::Audit, Failure::NotDone, error));
        let checked = snapshot.and_then(|mut snapshot| {
            snapshot.check(sale, &mut found).map_err(|error| error.during(Operation::Audit))
        });
        (found, checked)
    });
    audit.await.map_err(|error| StoreError::new(Operation::Audit, Failure::Unknown, error))
}

/// Audits on a connection that others wait for.
async fn audit_between(
    looker: &Worker,
    sale: Option<SaleId>,
    before: Findings,
) -> Result<Audited, StoreError> {
    let audit = move |tables: &Tables<'_>| {
        let mut found = before.clone();
        let checked =
            tables.check(sale, &mut found).map_err(|error| error.during(Operation::Audit));
        Ok((found, checked))
    };
    looker.run(audit).await.map_err(|error| error.during(Operation::Audit))
}
