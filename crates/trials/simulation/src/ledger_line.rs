//! The ledger as a process sees it: at the other end of a line.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Failure, Sale, SaleId, StoreError, Terms, UnixMillis, Window,
    ports::{
        Attempt, AttemptPermit, Calendar, CodeRecord, LedgerStore, Listed, Outcome, RaiseReply,
        Recorded, Redemption, SaleRegister, Tally, Verdict,
    },
};
use fakes::{Operation, at_once};

use crate::{coverage::Fence, ledger::Ledger, lock, network::Line};

/// A process's line to the ledger.
pub(crate) struct LedgerLine(pub(crate) Line);

impl LedgerLine {
    fn ledger(&self) -> Arc<dyn Ledger> {
        self.0.stage.ledger.clone()
    }
}

/// A permit of the queue of attempts, and the line on which the attempt will be sent.
struct PermitOnLine(Line, Box<dyn AttemptPermit>);

#[async_trait]
impl AttemptPermit for PermitOnLine {
    async fn record(self: Box<Self>, attempt: Attempt) -> Result<Recorded, StoreError> {
        let Self(line, permit) = *self;
        let (stage, sent) = (line.stage.clone(), attempt.clone());
        let first = Mutex::new(Some(permit));
        let deliver = move || {
            let first = lock(&first).take();
            let permit = match (first, sent.outcome) {
                (Some(permit), _) => permit,
                (None, Outcome::Granted(_)) => stage.ledger.permit()?,
                (None, Outcome::Refused(_)) => {
                    let reason = "an adapter never records a refusal again";
                    return Err(StoreError::new(Operation::Record, Failure::NotDone, reason));
                }
            };
            stage.fenced(at_once(permit.record(sent.clone())), |recorded| match recorded {
                Recorded::TooLate => Some(Fence::RecordTooLate),
                Recorded::Stale => Some(Fence::RecordStale),
                Recorded::Hold { .. } | Recorded::Refusal => None,
            })
        };
        line.call(Operation::Record, &attempt, deliver).await
    }
}

#[async_trait]
impl LedgerStore for LedgerLine {
    fn permit(&self) -> Result<Box<dyn AttemptPermit>, StoreError> {
        Ok(Box::new(PermitOnLine(self.0.clone(), self.ledger().permit()?)))
    }

    async fn redeem(&self, redemption: Redemption) -> Result<CodeRecord, StoreError> {
        let (ledger, sent) = (self.ledger(), redemption.clone());
        let deliver = move || at_once(ledger.redeem(sent.clone()));
        self.0.call(Operation::Redeem, &redemption, deliver).await
    }

    async fn release(&self, code: Code) -> Result<CodeRecord, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Release, &code, move || at_once(ledger.release(code))).await
    }

    async fn find(&self, code: Code) -> Result<CodeRecord, StoreError> {
        let ledger = self.ledger();
        let deliver = move || at_once(LedgerStore::find(&*ledger, code));
        self.0.call(Operation::FindCode, &code, deliver).await
    }

    async fn judge(
        &self,
        sale: SaleId,
        codes: &[Code],
    ) -> Result<Vec<(Code, Verdict)>, StoreError> {
        let (ledger, sent) = (self.ledger(), codes.to_vec());
        let deliver = move || at_once(ledger.judge(sale, &sent));
        self.0.call(Operation::Judge, &codes, deliver).await
    }

    async fn expire_overdue(&self, overdue_ms: i64, limit: usize) -> Result<Vec<Code>, StoreError> {
        let ledger = self.ledger();
        let deliver = move || at_once(ledger.expire_overdue(overdue_ms, limit));
        self.0.call(Operation::ExpireOverdue, &overdue_ms, deliver).await
    }
}

#[async_trait]
impl SaleRegister for LedgerLine {
    async fn now(&self) -> Result<UnixMillis, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Now, &(), move || at_once(ledger.now())).await
    }

    async fn find(&self, sale: SaleId) -> Result<Option<Listed>, StoreError> {
        let ledger = self.ledger();
        let deliver = move || at_once(SaleRegister::find(&*ledger, sale));
        self.0.call(Operation::FindSale, &sale, deliver).await
    }

    async fn page(&self, before: Option<SaleId>, limit: usize) -> Result<Vec<Sale>, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Page, &before, move || at_once(ledger.page(before, limit))).await
    }

    async fn calendar(&self) -> Result<Calendar, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Calendar, &(), move || at_once(ledger.calendar())).await
    }

    async fn schedule(&self, window: Window, terms: Terms) -> Result<Option<Sale>, StoreError> {
        let ledger = self.ledger();
        let deliver = move || at_once(ledger.schedule(window, terms));
        self.0.call(Operation::Schedule, &window, deliver).await
    }

    async fn set_paused(&self, sale: SaleId, paused: bool) -> Result<Option<Sale>, StoreError> {
        let ledger = self.ledger();
        let deliver = move || at_once(ledger.set_paused(sale, paused));
        self.0.call(Operation::SetPaused, &(sale, paused), deliver).await
    }

    async fn raise_epoch(
        &self,
        sale: SaleId,
        served: Option<Epoch>,
    ) -> Result<RaiseReply, StoreError> {
        let stage = self.0.stage.clone();
        let deliver = move || {
            stage.fenced(at_once(stage.ledger.raise_epoch(sale, served)), |raised| match raised {
                RaiseReply::TooSoon => Some(Fence::RaisedTooSoon),
                RaiseReply::Closed => Some(Fence::RaisedClosed),
                RaiseReply::Raised(_) | RaiseReply::Behind { .. } => None,
            })
        };
        self.0.call(Operation::RaiseEpoch, &(sale, served), deliver).await
    }

    async fn tally(&self, sale: SaleId) -> Result<Option<Tally>, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Tally, &sale, move || at_once(ledger.tally(sale))).await
    }

    async fn close(&self, sale: SaleId) -> Result<bool, StoreError> {
        let ledger = self.ledger();
        self.0.call(Operation::Close, &sale, move || at_once(ledger.close(sale))).await
    }
}
