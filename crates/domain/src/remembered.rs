//! What a process remembers of the live store, so that it need not ask.
//!
//! **Sold out.** Once a sale is sold out, most of the crowd is still to come. What the live
//! store said last is repeated to it for at most a tenth of a second, so the live store's work is
//! bounded by the stock and not by the crowd. Such a refusal is recorded like every other. A
//! unit that is given back through this process ends the memory at once, and what the live store was
//! asked before is not remembered after; one that comes back through another process is offered
//! here within that tenth of a second, and so is one whose request went away before it heard of it:
//! most such requests had none, and a crowd that hangs up must not send the next one to the store.
//! Whoever has a key is not answered from memory: the store may have a unit on hold for it.
//!
//! **The units of codes granted here.** Most codes are redeemed soon, and many where they were
//! granted. What is remembered is a belief, as what the live store says of a code is one: the
//! ledger decides.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard},
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
pub(crate) const HEARD_MS_MAX: u64 = 100;

/// How many codes are remembered: more than are granted while a buyer makes up their mind.
const CODES_MAX: usize = 16_384;

/// What this process heard last of the sales that are sold out.
pub struct SoldOutMemo {
    clock: Arc<dyn Clock>,
    memory: RwLock<Memory>,
}

#[derive(Default)]
struct Memory {
    heard: HashMap<SaleId, Heard>,
    /// How often units came back: an answer to a question from before is out of date.
    comebacks: u64,
}

#[derive(Clone, Copy)]
struct Heard {
    refusal: CheckoutRefusal,
    at_ms: u64,
}

impl SoldOutMemo {
    /// An empty memory.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, memory: RwLock::default() }
    }

    /// The refusal that was heard last, if it still holds; and what [`hear`](Self::hear) wants to
    /// know of whoever asks the live store now.
    fn recall(&self, sale: SaleId) -> Result<CheckoutRefusal, u64> {
        let (heard, comebacks) = {
            let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
            (memory.heard.get(&sale).copied(), memory.comebacks)
        };
        let Some(heard) = heard else { return Err(comebacks) };
        let age_ms = self.clock.uptime_ms().checked_sub(heard.at_ms);
        if age_ms.is_some_and(|age_ms| age_ms < HEARD_MS_MAX) {
            return Ok(heard.refusal);
        }
        self.write().heard.remove(&sale);
        Err(comebacks)
    }

    /// Remembers what the live store said to a question that was asked after so many comebacks.
    fn hear(&self, sale: SaleId, refusal: CheckoutRefusal, comebacks: u64) {
        let heard = Heard { refusal, at_ms: self.clock.uptime_ms() };
        let mut memory = self.write();
        if memory.comebacks == comebacks {
            memory.heard.insert(sale, heard);
        }
    }

    fn clear(&self, sale: SaleId) {
        let mut memory = self.write();
        memory.comebacks += 1;
        memory.heard.remove(&sale);
    }

    fn write(&self) -> RwLockWriteGuard<'_, Memory> {
        self.memory.write().unwrap_or_else(PoisonError::into_inner)
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
    /// A code that was drawn must not be asked for twice through this: sold out would be the second
    /// answer. One that leads from a key may be.
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let sale = request.code.sale();
        let comebacks = match self.memo.recall(sale) {
            Ok(refusal) if !request.has_key => return Ok(PlaceReply::Refused(refusal)),
            Ok(_) => None,
            Err(comebacks) => Some(comebacks),
        };
        let reply = self.codes.place_hold(request).await?;
        match reply {
            PlaceReply::Granted(Grant { code, unit, .. }) => self.granted().note(code, unit),
            PlaceReply::Refused(refusal @ CheckoutRefusal::SoldOut { .. }) => {
                if let Some(comebacks) = comebacks {
                    self.memo.hear(sale, refusal, comebacks);
                }
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
        // Of a code that was never heard to be granted, it is not known whether a unit comes back.
        let frees = matches!(verdict, Verdict::Free | Verdict::Only { .. });
        if frees && self.granted().take(code).is_some() {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Stopped;

    #[async_trait]
    impl Clock for Stopped {
        async fn wait(&self, _: u64) {}

        fn uptime_ms(&self) -> u64 {
            0
        }
    }

    #[test]
    fn what_was_asked_before_a_unit_came_back_is_not_remembered_after() {
        let memo = SoldOutMemo::new(Arc::new(Stopped));
        let sale = SaleId::try_from(7).unwrap();
        let sold_out = CheckoutRefusal::SoldOut { retry: None };
        let asked_before = memo.recall(sale).unwrap_err();

        memo.clear(sale);
        memo.hear(sale, sold_out, asked_before);
        let asked_after = memo.recall(sale).unwrap_err();

        memo.hear(sale, sold_out, asked_after);
        assert_eq!(memo.recall(sale), Ok(sold_out));
    }
}
