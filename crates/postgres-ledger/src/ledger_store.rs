//! `LedgerStore` and `CodeOwners` on Postgres.

use async_trait::async_trait;
use domain::{
    Code, Failure, Sale, SaleId, StoreError, UserId,
    ports::{AttemptPermit, CodeOwners, CodeRecord, LedgerStore, Operation, Redemption, Verdict},
};
use uuid::Uuid;

use crate::{
    PostgresLedger,
    attempts::QueuePermit,
    not_accepted, rows,
    servers::LOST,
    session::{Session, SessionError},
};

const RECORD_TOMBSTONES_SQL: &str = include_str!("sql/record_tombstones.sql");
const EXPIRE_DUE_SQL: &str = include_str!("sql/expire_due.sql");
const READ_VERDICTS_SQL: &str = include_str!("sql/read_verdicts.sql");

/// The statements of this room that are given codes.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[RECORD_TOMBSTONES_SQL, EXPIRE_DUE_SQL, READ_VERDICTS_SQL];

#[async_trait]
impl LedgerStore for PostgresLedger {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        if self.shared.servers.witness().has_lost() {
            let lost = StoreError::new(Operation::Permit, Failure::NotDone, LOST);
            return Err(lost.with_remedy(Some(LOST.into())));
        }
        let permit = self.record.permit().map_err(not_accepted(Operation::Permit))?;
        Ok(Box::new(QueuePermit(permit)))
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        self.redeem.submit(redemption).await.map_err(not_accepted(Operation::Redeem))?
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        self.release.submit(code).await.map_err(not_accepted(Operation::Release))?
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        self.find.submit(code).await.map_err(not_accepted(Operation::FindCode))?
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        let codes: Vec<_> = codes.iter().map(|&code| rows::uuid(code)).collect();
        judge(&mut self.session(), sale, &codes)
            .await
            .map_err(|error| error.during(Operation::Judge))
    }

    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError> {
        let expired = self.end_overdue(sales, overdue_ms, limit).await;
        expired.map_err(|error| error.during(Operation::ExpireOverdue))
    }
}

#[async_trait]
impl CodeOwners for PostgresLedger {
    async fn owner(&self, code: Code) -> Result<Option<UserId>, StoreError> {
        self.owner.submit(code).await.map_err(not_accepted(Operation::FindOwner))?
    }
}

/// Three statements, each a transaction of its own. Nothing needs them together: a tombstone
/// is final, an expiry is final, and what is read last is what the verdict is, whoever made it
/// so. Each must see what the one before it waited for, so they cannot be one statement.
async fn judge(
    session: &mut Session,
    sale: SaleId,
    codes: &Vec<Uuid>,
) -> Result<Vec<(Code, Verdict)>, SessionError> {
    session.query_patiently(RECORD_TOMBSTONES_SQL, &[&sale.get(), codes]).await?;
    session.query_patiently(EXPIRE_DUE_SQL, &[codes]).await?;
    let rows = session.query_patiently(READ_VERDICTS_SQL, &[codes]).await?;
    rows.iter().map(|row| Ok((rows::code(row)?, rows::verdict(row)?))).collect()
}
