//! The ledger as an audit looks at it: every look is of one moment, and nobody who sells waits.

use async_trait::async_trait;
use domain::{
    SaleId, StoreError,
    audit::{Findings, LateHolds},
    ports::{AuditedLedger, SaleImage},
};

use crate::SqliteLedger;

const AUDIT: &str = "AuditedLedger::audit";
const LATE_HOLDS: &str = "AuditedLedger::late_holds";
const IMAGE: &str = "AuditedLedger::image";

#[async_trait]
impl AuditedLedger for SqliteLedger {
    async fn audit(&self, sale: Option<SaleId>, findings: &mut Findings) -> Result<(), StoreError> {
        let before = findings.clone();
        let checked = self.threads.looker.run(move |tables| {
            let mut findings = before.clone();
            let checked = tables.check(sale, &mut findings);
            Ok((findings, checked))
        });
        let (found, checked) = checked.await.map_err(|error| error.during(AUDIT))?;
        *findings = found;
        checked.map_err(|error| error.during(AUDIT))
    }

    async fn late_holds(
        &self,
        sale: Option<SaleId>,
        late_ms: i64,
    ) -> Result<LateHolds, StoreError> {
        let late = self.threads.looker.run(move |tables| tables.late_holds(sale, late_ms)).await;
        let breaches = late.map_err(|error| error.during(LATE_HOLDS))?;
        Ok(LateHolds { breaches, is_attended: self.dir.is_in_service() })
    }

    async fn image(&self, sale: SaleId) -> Result<Option<SaleImage>, StoreError> {
        let image = self.threads.looker.run(move |tables| tables.image(sale)).await;
        image.map_err(|error| error.during(IMAGE))
    }
}
