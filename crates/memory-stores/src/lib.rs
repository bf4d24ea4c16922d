//! The live store in the memory of this process: `SaleStore`, `CodeStore` and `Processes` for a shop that
//! runs one process.
//!
//! It is as forgetful as Redis without persistence, and nothing depends on its remembering: a
//! process that starts has lost its live store, and loads every sale from the ledger. There is
//! nothing between a caller and what they ask for, so a call is done when it returns, and cannot
//! get lost. Memory is bounded by the sales that are served.
//!
//! A sale's time is the ledger's: what the ledger's clock said when the sale was loaded, and how
//! long this process has been going on since, by a clock that nobody sets.

mod marks;
mod processes;
mod sale;
mod socket;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, SaleId, StoreError, Unit, UnixMillis,
    audit::live::LiveSnapshot,
    ports::{
        AuditedLive, Clock, CodeStore, HoldRequest, LiveStatus, LoadReply, PlaceReply,
        SaleSnapshot, SaleStore, Verdict,
    },
};

pub use self::socket::{LiveSocket, LiveSocketError, Orders, RemoteLive};

use self::{processes::Said, sale::LiveSale};

/// The live store of whole sales, each behind a lock of its own that is held for a few hundred
/// nanoseconds a call, and never while anything is waited for.
pub struct MemoryStores {
    clock: Arc<dyn Clock>,
    sales: RwLock<HashMap<SaleId, Arc<Mutex<LiveSale>>>>,
    said: Said,
}

impl MemoryStores {
    /// A live store that serves nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, sales: RwLock::default(), said: Said::default() }
    }

    /// What is served of a sale, at one moment.
    #[must_use]
    pub fn served(&self, sale: SaleId) -> Option<LiveStatus> {
        self.on(sale, |live, now| live.status(now))
    }

    /// All that is served of a sale, at one moment.
    #[must_use]
    pub fn look(&self, sale: SaleId) -> Option<LiveSnapshot> {
        self.on(sale, |live, _| live.snapshot())
    }

    /// The epochs of the sales that are served.
    #[must_use]
    pub fn epochs(&self) -> HashMap<SaleId, Epoch> {
        self.read().iter().map(|(&id, live)| (id, lock(live).epoch())).collect()
    }

    /// The same again, which then goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        let copied = |(&id, live): (&SaleId, &Arc<Mutex<LiveSale>>)| {
            (id, Arc::new(Mutex::new(lock(live).clone())))
        };
        let sales = self.read().iter().map(copied).collect();
        Self { clock: Arc::clone(&self.clock), sales: RwLock::new(sales), said: Said::default() }
    }

    /// Looks at a sale that is served, or changes it, at one moment.
    fn on<T>(&self, sale: SaleId, work: impl FnOnce(&mut LiveSale, UnixMillis) -> T) -> Option<T> {
        // A sale that is replaced or forgotten meanwhile is one of an older epoch: the ledger
        // refuses what it grants, and what is settled on it is in the snapshot that replaced it.
        let live = self.read().get(&sale).map(Arc::clone)?;
        let mut live = lock(&live);
        Some(work(&mut live, self.now()))
    }

    /// The time by this process's own clock.
    fn now(&self) -> UnixMillis {
        UnixMillis(i64::try_from(self.clock.uptime_ms()).unwrap_or(i64::MAX))
    }

    fn read(&self) -> RwLockReadGuard<'_, HashMap<SaleId, Arc<Mutex<LiveSale>>>> {
        self.sales.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<SaleId, Arc<Mutex<LiveSale>>>> {
        self.sales.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) {
        self.on(sale, |live, now| {
            let mut seen = HashSet::with_capacity(verdicts.len());
            for &(code, verdict) in verdicts {
                // Of a code that comes twice the first verdict counts.
                if seen.insert(code) {
                    live.settle(code, verdict, now);
                }
            }
        });
    }
}

#[async_trait]
impl SaleStore for MemoryStores {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let id = snapshot.sale.id;
        let fenced = |served: Option<&Arc<Mutex<LiveSale>>>| {
            let epoch = served.map(|live| lock(live).epoch())?;
            (epoch >= snapshot.sale.epoch).then_some(LoadReply::Fenced { epoch, is_served: true })
        };
        if let Some(fenced) = fenced(self.read().get(&id)) {
            return Ok(fenced);
        }
        // A million units take a while, and nobody else shall wait for them.
        let live = LiveSale::of(snapshot, ledger_now - self.now());
        let mut sales = self.write();
        if let Some(fenced) = fenced(sales.get(&id)) {
            return Ok(fenced);
        }
        sales.insert(id, Arc::new(Mutex::new(live)));
        Ok(LoadReply::Loaded)
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        Ok(self.served(sale))
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        self.write().remove(&sale);
        Ok(())
    }
}

#[async_trait]
impl CodeStore for MemoryStores {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let placed = self.on(request.code.sale(), |live, now| live.place(&request, now));
        Ok(placed.unwrap_or(PlaceReply::NotLoaded))
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        Ok(self.on(code.sale(), |live, _| live.unit_of(code)).flatten())
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        Ok(self.on(sale, |live, now| live.due(now, limit)))
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        self.carry_out(sale, verdicts);
        Ok(())
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        self.carry_out(code.sale(), &[(code, verdict)]);
    }
}

#[async_trait]
impl AuditedLive for MemoryStores {
    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn snapshot(&self, sale: SaleId) -> Result<Option<LiveSnapshot>, StoreError> {
        Ok(self.look(sale))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What was changed before a panic is a whole change or none: all checks come first.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
