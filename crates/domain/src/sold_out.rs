//! Sold out, answered from memory for a moment.
//!
//! Once a sale is sold out, most of the crowd is still to come. What the live side said last
//! is repeated to it for at most a tenth of a second, so the live side's work is bounded by the
//! stock and not by the crowd. Such a refusal is recorded like every other. A unit that comes
//! back through this process ends the memory at once; one that comes back through another
//! process is offered here within that tenth of a second.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;

use crate::{
    CheckoutRefusal, Code, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        Clock, CodeStore, HoldRequest, LiveStatus, LoadReply, PlaceReply, SaleImage, SaleStore,
        Verdict,
    },
};

/// How long a sale is called sold out after the live side last said so, in milliseconds.
const HEARD_MS_MAX: u64 = 100;

/// What this process heard last of the sales that are sold out.
pub struct SoldOutMemo {
    clock: Arc<dyn Clock>,
    heard: RwLock<HashMap<SaleId, Heard>>,
}

#[derive(Clone, Copy)]
struct Heard {
    refusal: CheckoutRefusal,
    at_ms: u64,
}

impl SoldOutMemo {
    /// An empty memory.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, heard: RwLock::default() }
    }

    fn recall(&self, sale: SaleId) -> Option<CheckoutRefusal> {
        let heard = *self.heard.read().unwrap_or_else(PoisonError::into_inner).get(&sale)?;
        let age_ms = self.clock.uptime_ms().checked_sub(heard.at_ms);
        if age_ms.is_some_and(|age_ms| age_ms < HEARD_MS_MAX) {
            return Some(heard.refusal);
        }
        self.clear(sale);
        None
    }

    fn hear(&self, sale: SaleId, refusal: CheckoutRefusal) {
        let heard = Heard { refusal, at_ms: self.clock.uptime_ms() };
        self.heard.write().unwrap_or_else(PoisonError::into_inner).insert(sale, heard);
    }

    fn clear(&self, sale: SaleId) {
        self.heard.write().unwrap_or_else(PoisonError::into_inner).remove(&sale);
    }
}

/// A live side whose sold-out sales are remembered.
pub struct RememberedLive {
    sales: Arc<dyn SaleStore>,
    codes: Arc<dyn CodeStore>,
    memo: Arc<SoldOutMemo>,
}

impl RememberedLive {
    /// Puts the memory before `live`. All of a process should share one memory.
    pub fn new<S: SaleStore + CodeStore + 'static>(live: Arc<S>, memo: Arc<SoldOutMemo>) -> Self {
        Self { sales: live.clone(), codes: live, memo }
    }
}

#[async_trait]
impl CodeStore for RememberedLive {
    /// A code must not be asked for twice through this: sold out would be the second answer.
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let sale = request.sale;
        if let Some(refusal) = self.memo.recall(sale) {
            return Ok(PlaceReply::Refused(refusal));
        }
        let reply = self.codes.place_hold(request).await?;
        if let PlaceReply::Refused(refusal @ CheckoutRefusal::SoldOut { .. }) = reply {
            self.memo.hear(sale, refusal);
        }
        Ok(reply)
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        self.codes.find(code).await
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        self.codes.due(sale, limit).await
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        let settled = self.codes.settle(sale, verdicts).await;
        if verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Free) {
            self.memo.clear(sale);
        }
        settled
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        self.codes.settle_soon(code, verdict);
        if verdict == Verdict::Free
            && let Some(sale) = code.sale()
        {
            self.memo.clear(sale);
        }
    }
}

#[async_trait]
impl SaleStore for RememberedLive {
    async fn load(
        &self,
        image: &SaleImage,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let loaded = self.sales.load(image, ledger_now).await;
        self.memo.clear(image.sale.id);
        loaded
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        self.sales.status(sale).await
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        self.memo.clear(sale);
        self.sales.forget(sale).await
    }
}
