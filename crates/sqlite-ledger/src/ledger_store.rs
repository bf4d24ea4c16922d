//! `LedgerStore` and `CodeOwners` on SQLite.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use batcher::{Call, Permit};
use domain::{
    Code, Sale, SaleId, StoreError, UserId,
    history::Uncounted,
    ports::{
        Attempt, AttemptPermit, CodeOwners, CodeRecord, LedgerStore, Operation, Recorded,
        Redemption, Verdict,
    },
};

use crate::{SqliteLedger, not_accepted, worker::Worker};

/// The reply to a caller, of their attempt.
pub(crate) type RecordReply = Result<Recorded, StoreError>;

/// The reply to a caller, of their code.
pub(crate) type CodeReply = Result<CodeRecord, StoreError>;

/// The reply to a caller who asked whose a code is.
pub(crate) type OwnerReply = Result<Option<UserId>, StoreError>;

#[async_trait]
impl LedgerStore for SqliteLedger {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
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
        let way = if self.is_filed(code.sale()) { &self.find_filed } else { &self.find };
        way.submit(code).await.map_err(not_accepted(Operation::FindCode))?
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        let codes = codes.to_vec();
        let judged = self.workers.writer.run(move |tables| tables.judge(sale, &codes)).await;
        judged.map_err(|error| error.during(Operation::Judge))
    }

    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError> {
        let sales: Vec<_> = sales.iter().map(|sale| sale.id).collect();
        let expire = move |tables: &crate::Tables<'_>| {
            tables.expire_overdue(&sales, tables.now() + overdue_ms.saturating_neg(), limit)
        };
        let expired = self.workers.writer.run(expire).await;
        expired.map_err(|error| error.during(Operation::ExpireOverdue))
    }
}

#[async_trait]
impl CodeOwners for SqliteLedger {
    async fn owner(&self, code: Code) -> Result<Option<UserId>, StoreError> {
        let way =
            if self.is_filed(code.sale()) { &self.find_filed_owner } else { &self.find_owner };
        way.submit(code).await.map_err(not_accepted(Operation::FindOwner))?
    }
}

impl SqliteLedger {
    /// Whether a sale is closed and its codes are archived, so that the disk alone knows of them.
    pub(crate) fn is_filed(&self, sale: SaleId) -> bool {
        sale.get() < self.workers.first_unfiled.load(Ordering::Relaxed)
    }
}

/// A permit of the queue of attempts.
struct QueuePermit(Permit<Attempt, RecordReply>);

#[async_trait]
impl AttemptPermit for QueuePermit {
    async fn record(self: Box<Self>, attempt: Attempt) -> RecordReply {
        self.0.submit(attempt).await.map_err(not_accepted(Operation::Record))?
    }
}

/// Writes batches of attempts, and counts them.
pub(crate) struct RecordAttempts(pub(crate) Worker, pub(crate) Arc<Uncounted>);

#[async_trait]
impl Call<Attempt, RecordReply> for RecordAttempts {
    const NAME: &'static str = "record";

    async fn call(&mut self, batch: Vec<Attempt>) -> Vec<RecordReply> {
        let sales: Vec<_> = batch.iter().map(|attempt| attempt.sale).collect();
        let record = |tables: &crate::Tables<'_>, batch: &[Attempt]| tables.record(batch);
        let replies = self.0.batch(Operation::Record, batch, record).await;
        self.1.add(sales.into_iter().zip(&replies));
        replies
    }
}

/// Sells batches of units.
pub(crate) struct Redeem(pub(crate) Worker);

#[async_trait]
impl Call<Redemption, CodeReply> for Redeem {
    const NAME: &'static str = "redeem";

    async fn call(&mut self, batch: Vec<Redemption>) -> Vec<CodeReply> {
        self.0.batch(Operation::Redeem, batch, |tables, batch| tables.redeem(batch)).await
    }
}

/// Gives batches of holds back.
pub(crate) struct Release(pub(crate) Worker);

#[async_trait]
impl Call<Code, CodeReply> for Release {
    const NAME: &'static str = "release";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<CodeReply> {
        self.0.batch(Operation::Release, batch, |tables, batch| tables.release(batch)).await
    }
}

/// Looks batches of codes up whose sales are closed: past the guard, so that old codes from a
/// disk keep nobody waiting who buys.
pub(crate) struct FindFiled(pub(crate) Worker);

#[async_trait]
impl Call<Code, CodeReply> for FindFiled {
    const NAME: &'static str = "find_archived_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<CodeReply> {
        self.0
            .batch(Operation::FindCode, batch, |tables, batch| tables.find_filed_codes(batch))
            .await
    }
}

/// Looks batches of codes up.
pub(crate) struct Find(pub(crate) Worker);

#[async_trait]
impl Call<Code, CodeReply> for Find {
    const NAME: &'static str = "find_code";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<CodeReply> {
        self.0.batch(Operation::FindCode, batch, |tables, batch| tables.find_codes(batch)).await
    }
}

/// Looks up whose batches of codes are whose sales are closed, past the guard.
pub(crate) struct FindFiledOwner(pub(crate) Worker);

#[async_trait]
impl Call<Code, OwnerReply> for FindFiledOwner {
    const NAME: &'static str = "find_archived_owner";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<OwnerReply> {
        self.0
            .batch(Operation::FindOwner, batch, |tables, batch| tables.find_filed_owners(batch))
            .await
    }
}

/// Looks up whose batches of codes are.
pub(crate) struct FindOwner(pub(crate) Worker);

#[async_trait]
impl Call<Code, OwnerReply> for FindOwner {
    const NAME: &'static str = "find_owner";

    async fn call(&mut self, batch: Vec<Code>) -> Vec<OwnerReply> {
        self.0.batch(Operation::FindOwner, batch, |tables, batch| tables.find_owners(batch)).await
    }
}
