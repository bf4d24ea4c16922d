//! Serving a sale again that the live store lost. The first load is the same thing.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Epoch, Failure, SaleId, StoreError,
    answer::Doing,
    ports::{Clock, RaiseReply, SaleRegister, SaleStore},
    sale::SaleState,
};

const REBUILD: Doing = Doing::step("Rebuild::restore");

/// How often one rebuild looks whether another's has come through, and how long it waits
/// between looks. Together they outlast [`EPOCH_AGE_MIN_MS`](crate::sale::EPOCH_AGE_MIN_MS)
/// twice, so a rebuilder that died is replaced within one call.
const LOOKS_MAX: u32 = 48;
const LOOK_AGAIN_MS: u64 = 25;

/// Loads sales from the ledger into the live store.
///
/// Many requests find a sale lost at once; in each process one of them does the work and the
/// others wait for it. Several processes are kept apart by the ledger, which issues epochs.
pub struct Rebuild {
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    clock: Arc<dyn Clock>,
    flights: Mutex<HashMap<SaleId, Arc<Flight>>>,
    asked: Mutex<BTreeMap<SaleId, Epoch>>,
}

/// How a rebuild ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The live store serves the sale.
    Loaded,
    /// The sale is closed, or there is none: nothing is to be served.
    Closed,
}

/// The one rebuild of a sale that runs in this process, and how the last one ended.
#[derive(Default)]
struct Flight {
    turn: tokio::sync::Mutex<()>,
    last: Mutex<Landing>,
}

#[derive(Default, Clone, Copy)]
struct Landing {
    count: u64,
    restored: Option<Restored>,
}

impl Rebuild {
    /// A rebuild over these stores.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        sales: Arc<dyn SaleStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { register, sales, clock, flights: Mutex::default(), asked: Mutex::default() }
    }

    /// Returns when the live store serves the sale, at an epoch above `newer_than` if one is
    /// given. Waits little more than a second.
    ///
    /// # Errors
    ///
    /// [`Failure::Rebuilding`] when it took too long, or when the live store serves an epoch
    /// the ledger never issued. Then the ledger has lost data and nothing may be sold.
    pub async fn restore(
        &self,
        sale: SaleId,
        newer_than: Option<Epoch>,
    ) -> Result<Restored, StoreError> {
        let flight = self.flight(sale);
        let before = *lock(&flight.last);
        let _turn = flight.turn.lock().await;
        let last = *lock(&flight.last);
        if last.count != before.count && newer_than.is_none() {
            // Somebody else's rebuild ended while this call waited for its turn. It may have
            // found the sale served, so it does for those who only want that.
            return last.restored.ok_or_else(|| rebuilding("another request could not rebuild it"));
        }
        let restored = self.load(sale, newer_than).await;
        *lock(&flight.last) =
            Landing { count: before.count + 1, restored: restored.as_ref().ok().copied() };
        restored
    }

    /// Asks for a rebuild that nobody waits for, because the live store at `epoch` proved out
    /// of date. The scheduler carries it out.
    pub fn ask(&self, sale: SaleId, epoch: Epoch) {
        let mut asked = lock(&self.asked);
        let newest = asked.entry(sale).or_insert(epoch);
        *newest = epoch.max(*newest);
    }

    /// Carries out what was asked for since the last call. Says for which sales.
    pub async fn run_asked(&self) -> Result<Vec<SaleId>, StoreError> {
        let asked = std::mem::take(&mut *lock(&self.asked));
        let mut restored = Vec::new();
        let mut failed = Ok(());
        for (&sale, &epoch) in &asked {
            match self.restore(sale, Some(epoch)).await {
                Ok(_) => restored.push(sale),
                Err(error) => {
                    self.ask(sale, epoch);
                    failed = Err(error);
                }
            }
        }
        failed.map(|()| restored)
    }

    async fn load(&self, sale: SaleId, newer_than: Option<Epoch>) -> Result<Restored, StoreError> {
        for _ in 0..LOOKS_MAX {
            let served = self.sales.status(sale).await?.map(|status| status.epoch);
            if served.is_some_and(|served| newer_than.is_none_or(|old| served > old)) {
                return Ok(Restored::Loaded);
            }
            match self.register.raise_epoch(sale, served).await? {
                RaiseReply::Raised(snapshot) => {
                    let ledger_now = self.register.now().await?;
                    // A fenced load means that a newer snapshot is served already.
                    self.sales.load(&snapshot, ledger_now).await?;
                    return self.unload_if_closed(sale).await;
                }
                RaiseReply::TooSoon => self.clock.wait(LOOK_AGAIN_MS).await,
                RaiseReply::Closed => return Ok(Restored::Closed),
                RaiseReply::Behind { ledger } => {
                    return Err(rebuilding(format!(
                        "the live store serves epoch {served:?} of sale {sale}, but the ledger is \
                         at {ledger}: the ledger has lost data; selling stops until an operator \
                         has restored it"
                    )));
                }
            }
        }
        Err(rebuilding(format!("sale {sale} is still being rebuilt by another process")))
    }

    /// Takes a sale back that was closed while its snapshot was on the way: it has been forgotten
    /// already, and nobody would forget it again.
    async fn unload_if_closed(&self, sale: SaleId) -> Result<Restored, StoreError> {
        // A look that fails is let go: the sale is served, which is what was asked for.
        if let Ok(Some(listed)) = self.register.find(sale).await
            && listed.sale.state == SaleState::Closed
        {
            self.sales.forget(sale).await?;
            return Ok(Restored::Closed);
        }
        Ok(Restored::Loaded)
    }

    fn flight(&self, sale: SaleId) -> Arc<Flight> {
        let mut flights = lock(&self.flights);
        if !flights.contains_key(&sale) {
            // Sales come and go; those nobody is rebuilding need no entry.
            flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        }
        Arc::clone(flights.entry(sale).or_default())
    }
}

fn rebuilding(reason: impl Into<String>) -> StoreError {
    StoreError::new(REBUILD, Failure::Rebuilding, reason.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
