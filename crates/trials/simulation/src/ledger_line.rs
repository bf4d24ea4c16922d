//! The ledger as a process sees it: at the other end of a line.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use domain::{
    Code, Failure, NewSale, NotScheduled, Sale, SaleId, StoreError, UnixMillis,
    ports::{
        Answered, AnsweredCodes, Attempt, AttemptPermit, Calendar, CodeRecord, LedgerStore, Listed,
        LiveEpoch, Operation, Outcome, RaiseReply, Recorded, Redemption, SaleRegister, Tally,
        Verdict,
    },
};

use crate::{coverage::Fence, ledger::Ledger, line::Line, lock::lock};

/// A process's line to the ledger.
pub(crate) struct LedgerLine(pub(crate) Line);

impl LedgerLine {
    /// Asks the ledger for what `answer` makes of it.
    pub(crate) async fn call<T, F>(
        &self,
        operation: Operation,
        asked: &(impl Debug + Sync),
        answer: impl Fn(Arc<dyn Ledger>) -> F + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        T: Debug + Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let ledger = Arc::clone(&self.0.world.stores.ledger);
        self.0.call(operation, asked, move || answer(Arc::clone(&ledger))).await
    }
}

/// A permit of the queue of attempts, and the line on which the attempt will be sent.
struct PermitOnLine(Line, Box<dyn AttemptPermit>);

#[async_trait]
impl AttemptPermit for PermitOnLine {
    async fn record(self: Box<Self>, attempt: Attempt) -> Result<Recorded, StoreError> {
        let Self(line, place) = *self;
        let (world, sent) = (line.world.clone(), attempt.clone());
        let first = Mutex::new(Some(place));
        let deliver = move || {
            let (world, sent, first) = (world.clone(), sent.clone(), lock(&first).take());
            async move {
                let place = match (first, sent.outcome) {
                    (Some(place), _) => place,
                    (None, Outcome::Granted(_)) => world.stores.ledger.ports().permit()?,
                    (None, Outcome::Refused(_)) => {
                        let reason = "an adapter never records a refusal again";
                        return Err(StoreError::new(Operation::Record, Failure::NotDone, reason));
                    }
                };
                world.fenced(place.record(sent).await, |recorded| match recorded {
                    Recorded::TooLate => Some(Fence::RecordTooLate),
                    Recorded::Stale => Some(Fence::RecordStale),
                    Recorded::Hold { .. } | Recorded::Refusal => None,
                })
            }
        };
        line.call(Operation::Record, &attempt, deliver).await
    }
}

#[async_trait]
impl LedgerStore for LedgerLine {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        Ok(Box::new(PermitOnLine(self.0.clone(), self.0.world.stores.ledger.ports().permit()?)))
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        let sent = redemption.clone();
        let answer = move |ledger: Arc<dyn Ledger>| {
            let sent = sent.clone();
            async move { ledger.ports().redeem(sent).await }
        };
        self.call(Operation::Redeem, &redemption, answer).await
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        let answer =
            move |ledger: Arc<dyn Ledger>| async move { ledger.ports().release(code).await };
        self.call(Operation::Release, &code, answer).await
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move {
            LedgerStore::find(ledger.ports(), code).await
        };
        self.call(Operation::FindCode, &code, answer).await
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        let sent = codes.to_vec();
        let answer = move |ledger: Arc<dyn Ledger>| {
            let sent = sent.clone();
            async move { ledger.ports().judge(sale, &sent).await }
        };
        self.call(Operation::Judge, &codes, answer).await
    }

    async fn expire_overdue(
        &self,
        sales: &[Sale],
        overdue_ms: i64,
        limit: usize,
    ) -> Result<Vec<Code>, StoreError> {
        let sent = sales.to_vec();
        let answer = move |ledger: Arc<dyn Ledger>| {
            let sent = sent.clone();
            async move { ledger.ports().expire_overdue(&sent, overdue_ms, limit).await }
        };
        self.call(Operation::ExpireOverdue, &overdue_ms, answer).await
    }
}

#[async_trait]
impl AnsweredCodes for LedgerLine {
    async fn answered(&self, code: Code) -> Result<Answered, StoreError> {
        let answer =
            move |ledger: Arc<dyn Ledger>| async move { ledger.ports().answered(code).await };
        self.call(Operation::Answered, &code, answer).await
    }
}

#[async_trait]
impl SaleRegister for LedgerLine {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().now().await };
        self.call(Operation::Now, &(), answer).await
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move {
            SaleRegister::find(ledger.ports(), sale).await
        };
        self.call(Operation::FindSale, &sale, answer).await
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        let answer =
            move |ledger: Arc<dyn Ledger>| async move { ledger.ports().page(before, limit).await };
        self.call(Operation::Page, &before, answer).await
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().calendar().await };
        self.call(Operation::Calendar, &(), answer).await
    }

    async fn schedule(&self, sale: NewSale) -> Result<Result<Sale, NotScheduled>, StoreError> {
        let answer =
            move |ledger: Arc<dyn Ledger>| async move { ledger.ports().schedule(sale).await };
        self.call(Operation::Schedule, &sale.window, answer).await
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<RaiseReply, StoreError> {
        let world = self.0.world.clone();
        let answer = move |ledger: Arc<dyn Ledger>| {
            let world = world.clone();
            async move {
                let raised = ledger.ports().raise_epoch(sale, live).await;
                world.fenced(raised, |raised| match raised {
                    RaiseReply::TooSoon => Some(Fence::RaisedTooSoon),
                    RaiseReply::Closed => Some(Fence::RaisedClosed),
                    RaiseReply::Behind { .. } => Some(Fence::RaisedBehind),
                    RaiseReply::Raised(_) => None,
                })
            }
        };
        self.call(Operation::RaiseEpoch, &(sale, live), answer).await
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().tally(sale).await };
        self.call(Operation::Tally, &sale, answer).await
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        let answer = move |ledger: Arc<dyn Ledger>| async move { ledger.ports().close(sale).await };
        self.call(Operation::Close, &sale, answer).await
    }
}
