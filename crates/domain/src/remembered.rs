//! What a process remembers of the live store, so that it need not ask.
//!
//! **Sold out.** Once a sale is sold out, most of the crowd is still to come. What the live
//! store said last is repeated to it for at most a tenth of a second, so the live store's work is
//! bounded by the stock and not by the crowd. Such a refusal is recorded like every other. A
//! unit that comes back through this process ends the memory at once; one that comes back
//! through another process is offered here within that tenth of a second.
//!
//! **The units of codes granted here.** Most codes are redeemed soon, and many where they were
//! granted. What is remembered is a belief, as what the live store says of a code is one: the
//! ledger decides.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use async_trait::async_trait;

use crate::{
    CheckoutRefusal, Code, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        Clock, CodeStore, Grant, HoldRequest, LiveStatus, LoadReply, PlaceReply, SaleSnapshot,
        SaleStore, Verdict,
    },
};

/// How long a sale is called sold out after the live store last said so, in milliseconds.
const HEARD_MS_MAX: u64 = 100;

/// How many codes are remembered: more than are granted while a buyer makes up their mind.
const CODES_MAX: usize = 16_384;

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

/// The units of the codes that were granted last, until they are asked for.
#[derive(Default)]
struct GrantedCodes {
    units: HashMap<Code, Unit>,
    oldest_first: VecDeque<Code>,
}

impl GrantedCodes {
    fn note(&mut self, code: Code, unit: Unit) {
        if self.oldest_first.len() == CODES_MAX
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.units.remove(&oldest);
        }
        self.oldest_first.push_back(code);
        self.units.insert(code, unit);
    }

    fn take(&mut self, code: Code) -> Option<Unit> {
        self.units.remove(&code)
    }
}

/// A live store, and what is remembered of it.
pub struct RememberedLive {
    sales: Arc<dyn SaleStore>,
    codes: Arc<dyn CodeStore>,
    memo: Arc<SoldOutMemo>,
    granted: Mutex<GrantedCodes>,
}

impl RememberedLive {
    /// Puts memories before `live`. All of a process should share the one of what is sold out.
    pub fn new<S: SaleStore + CodeStore + 'static>(live: Arc<S>, memo: Arc<SoldOutMemo>) -> Self {
        Self { sales: live.clone(), codes: live, memo, granted: Mutex::default() }
    }

    fn granted(&self) -> MutexGuard<'_, GrantedCodes> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CodeStore for RememberedLive {
    /// A code must not be asked for twice through this: sold out would be the second answer.
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let sale = request.code.sale();
        if let Some(refusal) = self.memo.recall(sale) {
            return Ok(PlaceReply::Refused(refusal));
        }
        let reply = self.codes.place_hold(request).await?;
        match reply {
            PlaceReply::Granted(Grant { code, unit, .. }) => self.granted().note(code, unit),
            PlaceReply::Refused(refusal @ CheckoutRefusal::SoldOut { .. }) => {
                self.memo.hear(sale, refusal);
            }
            PlaceReply::Refused(_) | PlaceReply::NotLoaded => {}
        }
        Ok(reply)
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        // In a statement of its own, so that the lock is not kept while the store is asked.
        let remembered = self.granted().take(code);
        match remembered {
            Some(unit) => Ok(Some(unit)),
            None => self.codes.find(code).await,
        }
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
        if verdict == Verdict::Free {
            self.memo.clear(code.sale());
        }
    }
}

#[async_trait]
impl SaleStore for RememberedLive {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let loaded = self.sales.load(snapshot, ledger_now).await;
        self.memo.clear(snapshot.sale.id);
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
