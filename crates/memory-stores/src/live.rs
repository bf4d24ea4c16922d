//! The live side in memory: [`SaleStore`] and [`CodeStore`].

mod sale;

use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Sale, SaleId, StoreError, Unit, UnixMillis,
    ports::{
        CodeStore, HoldRequest, LiveStatus, LoadReply, PlaceReply, SaleImage, SaleStore, Verdict,
    },
    sale::SaleState,
};

use crate::{Fault, Faults, ManualClock, Operation, lock};

use self::sale::LiveSale;

/// The live side, as Redis is one.
pub struct MemoryLive {
    clock: ManualClock,
    faults: Faults,
    state: Mutex<State>,
}

/// What the live side had at some moment, as in a snapshot or on a replica.
#[derive(Clone)]
pub struct LiveCopy(HashMap<SaleId, LiveSale>);

#[derive(Default)]
struct State {
    sales: HashMap<SaleId, LiveSale>,
    /// The epochs this server process loaded. It is in no copy, which is how an old copy is
    /// noticed.
    loaded: HashMap<SaleId, Epoch>,
    /// How far this server's clock is ahead of the ledger's.
    skew_ms: i64,
    late: Vec<(Code, Verdict)>,
}

impl MemoryLive {
    /// A live side that has nothing.
    #[must_use]
    pub fn new(clock: ManualClock) -> Self {
        Self { clock, faults: Faults::default(), state: Mutex::default() }
    }

    /// What goes wrong.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Loses everything, as after `FLUSHALL`: the server process is the same.
    pub fn wipe(&self) {
        lock(&self.state).sales.clear();
    }

    /// What it has now.
    #[must_use]
    pub fn copy(&self) -> LiveCopy {
        LiveCopy(lock(&self.state).sales.clone())
    }

    /// Comes back with a copy, in a new server process: a restart or a failover.
    pub fn restore(&self, copy: LiveCopy) {
        let mut state = lock(&self.state);
        state.sales = copy.0;
        state.loaded.clear();
    }

    /// Goes back to a copy and serves it as if it were the present. Redis is not supposed to be
    /// able to; the ledger's own rules must hold even so.
    pub fn roll_back_undetected(&self, copy: LiveCopy) {
        let mut state = lock(&self.state);
        state.loaded = copy.0.iter().map(|(&id, live)| (id, live.sale.epoch)).collect();
        state.sales = copy.0;
    }

    /// Sets how far this server's clock is ahead of the ledger's. What was loaded before was
    /// loaded by the old clock.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        lock(&self.state).skew_ms = skew_ms;
    }

    /// Carries out the verdicts of [`CodeStore::settle_soon`] that [`Fault::Pause`] held up.
    pub fn settle_late(&self) {
        let mut state = lock(&self.state);
        let now = self.clock.now();
        for (code, verdict) in std::mem::take(&mut state.late) {
            if let Some(sale) = code.sale() {
                state.settle(sale, &[(code, verdict)], now);
            }
        }
    }

    /// What it serves of a sale; no fault stands in the way.
    #[must_use]
    pub fn served(&self, sale: SaleId) -> Option<LiveStatus> {
        let mut state = lock(&self.state);
        let now = self.clock.now() + state.skew_ms;
        state.served(sale).map(|live| LiveStatus {
            epoch: live.sale.epoch,
            now: now + live.clock_offset_ms,
            window: live.sale.window,
            terms: live.sale.terms,
            paused: live.sale.state == SaleState::Paused,
            free: units(live.free.len()),
            held: units(live.holds.len()),
            sold: live.sold,
        })
    }

    /// The units that can be had, in the order in which they will be, served or not.
    #[must_use]
    pub fn free(&self, sale: SaleId) -> Vec<Unit> {
        let state = lock(&self.state);
        state.sales.get(&sale).map_or_else(Vec::new, |live| live.free.iter().copied().collect())
    }

    /// The codes it has, with their units, served or not.
    #[must_use]
    pub fn held(&self, sale: SaleId) -> Vec<(Code, Unit)> {
        let state = lock(&self.state);
        let holds = state.sales.get(&sale).map(|live| live.holds.iter());
        holds.into_iter().flatten().map(|(&code, hold)| (code, hold.unit)).collect()
    }

    /// Whether it has anything of the sale, served or not.
    #[must_use]
    pub fn has(&self, sale: SaleId) -> bool {
        lock(&self.state).sales.contains_key(&sale)
    }
}

impl State {
    /// The sale, if this server process loaded the epoch that is there.
    fn served(&mut self, sale: SaleId) -> Option<&mut LiveSale> {
        let loaded = self.loaded.get(&sale);
        self.sales.get_mut(&sale).filter(|live| loaded == Some(&live.sale.epoch))
    }

    fn settle(&mut self, sale: SaleId, verdicts: &[(Code, Verdict)], now: UnixMillis) {
        let now = now + self.skew_ms;
        let Some(live) = self.served(sale) else { return };
        let mut seen = HashSet::new();
        for &(code, verdict) in verdicts {
            // Of a code that comes twice the first verdict counts.
            if seen.insert(code) {
                live.settle(code, verdict, now);
            }
        }
    }
}

fn units(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[async_trait]
impl SaleStore for MemoryLive {
    async fn load(
        &self,
        image: &SaleImage,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let load = || {
            let mut state = lock(&self.state);
            let Sale { id, epoch, .. } = image.sale;
            if state.loaded.get(&id).is_some_and(|&loaded| loaded >= epoch) {
                return Ok(LoadReply::Fenced);
            }
            let offset_ms = ledger_now - (self.clock.now() + state.skew_ms);
            state.sales.insert(id, LiveSale::of(image, offset_ms));
            state.loaded.insert(id, epoch);
            Ok(LoadReply::Loaded)
        };
        self.faults.around(Operation::Load, load).await
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        self.faults.around(Operation::Status, || Ok(self.served(sale))).await
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        let forget = || {
            let mut state = lock(&self.state);
            state.loaded.remove(&sale);
            state.sales.remove(&sale);
            Ok(())
        };
        self.faults.around(Operation::Forget, forget).await
    }
}

#[async_trait]
impl CodeStore for MemoryLive {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let place = || {
            let mut state = lock(&self.state);
            let now = self.clock.now() + state.skew_ms;
            Ok(match state.served(request.sale) {
                None => PlaceReply::NotLoaded,
                Some(live) => live.place(&request, now),
            })
        };
        self.faults.around(Operation::PlaceHold, place).await
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        let find = || {
            // Whatever is there is only a hint, so nobody asks whether it is served.
            let state = lock(&self.state);
            let live = code.sale().and_then(|sale| state.sales.get(&sale));
            Ok(live.and_then(|live| live.holds.get(&code)).map(|hold| hold.unit))
        };
        self.faults.around(Operation::FindUnit, find).await
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        let due = || {
            let mut state = lock(&self.state);
            let now = self.clock.now() + state.skew_ms;
            Ok(state.served(sale).map(|live| {
                let now = now + live.clock_offset_ms;
                let holds = live.holds.iter().map(|(&code, hold)| (hold.due_at, code));
                let mut due: Vec<_> = holds.filter(|&(due_at, _)| due_at <= now).collect();
                due.sort_unstable();
                due.into_iter().map(|(_, code)| code).take(limit).collect()
            }))
        };
        self.faults.around(Operation::Due, due).await
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        let settle = || {
            lock(&self.state).settle(sale, verdicts, self.clock.now());
            Ok(())
        };
        self.faults.around(Operation::Settle, settle).await
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        let mut state = lock(&self.state);
        match (self.faults.take(Operation::SettleSoon), code.sale()) {
            (None | Some(Fault::LoseReply), Some(sale)) => {
                state.settle(sale, &[(code, verdict)], self.clock.now());
            }
            (Some(Fault::Pause), _) => state.late.push((code, verdict)),
            (Some(Fault::Refuse | Fault::Lose), _) | (_, None) => {}
        }
    }
}
