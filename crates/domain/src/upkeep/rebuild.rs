//! Serving a sale again that the live store lost. The first load is the same thing.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, oneshot};

use crate::{
    Epoch, Failure, Sale, SaleId, StoreError,
    answer::Doing,
    ports::{
        Clock, LiveEpoch, LoadReply, RaiseReply, SaleRegister, SaleSnapshot, SaleStore, Tasks,
    },
    sale::SaleState,
};

const REBUILD: Doing = Doing::step("Rebuild::restore");

/// How often one rebuild looks whether another's has come through, and how long it waits
/// between looks. Together they outlast [`EPOCH_AGE_MIN_MS`](crate::sale::EPOCH_AGE_MIN_MS)
/// twice, so a rebuilder that died is replaced within one call.
const LOOKS_MAX: u32 = 48;
const LOOK_AGAIN_MS: u64 = 25;

/// How many sales a process loads at a time.
const LOADS_AT_A_TIME: usize = 4;

/// Loads sales from the ledger into the live store.
///
/// Many requests find a sale lost at once; in each process one of them does the work and the
/// others wait for it. Several processes are kept apart by the ledger, which issues epochs.
///
/// A large sale takes longer to load than a client waits: where there are tasks, a load is one, and
/// comes to its end whoever goes away. It would begin anew with the next request, and never end.
pub struct Rebuild {
    tasks: Option<Arc<dyn Tasks>>,
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    clock: Arc<dyn Clock>,
    flights: Mutex<HashMap<SaleId, Arc<Flight>>>,
    asked: Mutex<BTreeMap<SaleId, Asked>>,
    on_demand: Mutex<BTreeMap<SaleId, usize>>,
    /// A load has its whole snapshot in memory.
    places: Semaphore,
}

/// How a rebuild ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The live store serves the sale.
    Loaded,
    /// The sale is closed, or there is none: nothing is to be served.
    Closed,
}

/// What was loaded of what nobody waited for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rebuilt {
    /// Sales whose live store had proved out of date.
    pub out_of_date: Vec<SaleId>,
    /// Sales that an operator's order had put out of date: that is routine.
    pub ordered: Vec<SaleId>,
}

/// Above which epoch a sale is to be served, and whether an order made it so. Grants that are refused
/// meanwhile are of that epoch, too, and say nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Asked {
    epoch: Epoch,
    is_ordered: bool,
}

/// The one rebuild of a sale that runs in this process, and how the last one ended.
#[derive(Default)]
struct Flight {
    turn: Arc<tokio::sync::Mutex<()>>,
    last: Mutex<Landing>,
}

#[derive(Default, Clone)]
struct Landing {
    count: u64,
    restored: Option<Restored>,
    /// What an operator can do if it failed, if that is known.
    remedy: Option<Cow<'static, str>>,
}

/// What a rebuild did for a sale to be served.
#[derive(Clone, Copy)]
struct Landed {
    restored: Restored,
    /// This process loaded it, and did not find it served.
    is_ours: bool,
}

/// Who wants a sale to be served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WantedBy {
    Upkeep,
    /// A request, which cannot be answered otherwise.
    Request,
}

impl Rebuild {
    /// A rebuild over these stores, each load of which is broken off with whoever wanted it.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        sales: Arc<dyn SaleStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            tasks: None,
            register,
            sales,
            clock,
            flights: Mutex::default(),
            asked: Mutex::default(),
            on_demand: Mutex::default(),
            places: Semaphore::new(LOADS_AT_A_TIME),
        }
    }

    /// The same, whose loads go on as `tasks`.
    #[must_use]
    pub fn going_on_in(self, tasks: Arc<dyn Tasks>) -> Self {
        Self { tasks: Some(tasks), ..self }
    }

    /// Returns when the live store serves the sale, at an epoch above `newer_than` if one is
    /// given. Waits for a load under way in this process, however large the sale, and little more than
    /// a second for one elsewhere.
    ///
    /// # Errors
    ///
    /// [`Failure::Rebuilding`] when it took too long, or when the live store serves an epoch
    /// the ledger never issued. Then the ledger has lost data and nothing may be sold.
    pub async fn restore(
        self: &Arc<Self>,
        sale: SaleId,
        newer_than: Option<Epoch>,
    ) -> Result<Restored, StoreError> {
        let landed = self.land(sale, newer_than, WantedBy::Upkeep).await;
        landed.map(|landed| landed.restored)
    }

    /// [`restore`](Self::restore) for a request that cannot be answered otherwise. If it loads the
    /// sale, [`take_on_demand`](Self::take_on_demand) says so.
    pub async fn restore_on_demand(self: &Arc<Self>, sale: SaleId) -> Result<Restored, StoreError> {
        let landed = self.land(sale, None, WantedBy::Request).await;
        landed.map(|landed| landed.restored)
    }

    /// Which sales requests had to load since the last call, and how often.
    #[must_use]
    pub fn take_on_demand(&self) -> BTreeMap<SaleId, usize> {
        std::mem::take(&mut *lock(&self.on_demand))
    }

    async fn land(
        self: &Arc<Self>,
        sale: SaleId,
        newer_than: Option<Epoch>,
        wanted_by: WantedBy,
    ) -> Result<Landed, StoreError> {
        let flight = self.flight(sale);
        let before = lock(&flight.last).count;
        let turn = Arc::clone(&flight.turn).lock_owned().await;
        let last = lock(&flight.last).clone();
        if last.count != before && newer_than.is_none() {
            // Somebody else's rebuild ended while this call waited for its turn. It may have
            // found the sale served, so it does for those who only want that.
            let restored = last.restored.map(|restored| Landed { restored, is_ours: false });
            let failed = || rebuilding("another request could not rebuild it");
            return restored.ok_or_else(|| failed().with_remedy(last.remedy));
        }
        let this = Arc::clone(self);
        let fly = async move {
            // Never closed, so there is always one in the end.
            let _place = this.places.acquire().await;
            let landed = this.load(sale, newer_than).await;
            let restored = landed.as_ref().ok().map(|landed| landed.restored);
            let remedy = landed.as_ref().err().and_then(StoreError::remedy).cloned();
            *lock(&flight.last) = Landing { count: last.count + 1, restored, remedy };
            if let Ok(Landed { restored: Restored::Loaded, is_ours: true }) = landed
                && wanted_by == WantedBy::Request
            {
                *lock(&this.on_demand).entry(sale).or_insert(0) += 1;
            }
            drop(turn);
            landed
        };
        let Some(tasks) = &self.tasks else { return fly.await };
        let (landed, landing) = oneshot::channel();
        tasks.start(Box::pin(async move {
            // Whoever wanted it may have gone away.
            let _ = landed.send(fly.await);
        }));
        landing.await.unwrap_or_else(|_| Err(rebuilding("the load was broken off")))
    }

    /// What an operator can do about a sale that could not be loaded the last time, if that is known.
    pub(crate) fn remedy(&self, sale: SaleId) -> Option<Cow<'static, str>> {
        let flight = lock(&self.flights).get(&sale).cloned()?;
        lock(&flight.last).remedy.clone()
    }

    /// Asks for a rebuild that nobody waits for, because the live store at `epoch` proved out
    /// of date. The scheduler carries it out.
    pub fn ask(&self, sale: SaleId, epoch: Epoch) {
        self.note_asked(sale, Asked { epoch, is_ordered: false });
    }

    /// The same, because an operator's order has put the live store at `epoch` out of date.
    pub(crate) fn ask_as_ordered(&self, sale: SaleId, epoch: Epoch) {
        self.note_asked(sale, Asked { epoch, is_ordered: true });
    }

    fn note_asked(&self, sale: SaleId, asked: Asked) {
        let mut all = lock(&self.asked);
        let newest = all.entry(sale).or_insert(asked);
        *newest = asked.max(*newest);
    }

    /// Carries out what was asked for since the last call. Says which sales it has loaded: others may
    /// have been meanwhile, by somebody else.
    pub async fn run_asked(self: &Arc<Self>) -> Result<Rebuilt, StoreError> {
        let all = std::mem::take(&mut *lock(&self.asked));
        let (mut rebuilt, mut failed) = (Rebuilt::default(), Ok(()));
        for (&sale, &asked) in &all {
            match self.land(sale, Some(asked.epoch), WantedBy::Upkeep).await {
                Ok(Landed { is_ours: false, .. }) => {}
                Ok(_) if asked.is_ordered => rebuilt.ordered.push(sale),
                Ok(_) => rebuilt.out_of_date.push(sale),
                Err(error) => {
                    self.note_asked(sale, asked);
                    failed = Err(error);
                }
            }
        }
        failed.map(|()| rebuilt)
    }

    /// Serves the sale as the ledger has it although the live store serves an epoch that the
    /// ledger never issued: an operator says that a ledger which was restored is right. What was
    /// granted and sold since its copy was made is not known any more. `None` if what is served is
    /// the ledger's own, and nothing is to be accepted.
    pub async fn accept(&self, sale: SaleId) -> Result<Option<Restored>, StoreError> {
        for _ in 0..LOOKS_MAX {
            let Some(served) = self.sales.status(sale).await?.map(|status| status.epoch) else {
                return Ok(None);
            };
            let Some(listed) = self.register.find(sale).await? else { return Ok(None) };
            if served <= listed.sale.epoch {
                return Ok(None);
            }
            let older = match self.raise_and_load(sale, Some(LiveEpoch::Fence(served))).await? {
                Raised::Done(restored) => return Ok(Some(restored)),
                Raised::Fenced(_) => served,
                Raised::Overtaken(epoch) => epoch,
                // The ledger still is the one that lacks what is served: nobody else may raise it.
                Raised::TooSoon => {
                    self.clock.wait(LOOK_AGAIN_MS).await;
                    continue;
                }
            };
            return self.load(sale, Some(older)).await.map(|landed| Some(landed.restored));
        }
        Err(rebuilding(format!("the epoch of sale {sale} was raised only just now")))
    }

    /// Loads the snapshot of an epoch that was raised for a change of the sale. Says whether that is
    /// served; if not, something newer may be.
    ///
    /// It takes no turn: epochs keep it apart from any other load, and one that is waiting for this
    /// epoch to be loaded has the turn.
    pub async fn load_raised(self: &Arc<Self>, snapshot: SaleSnapshot) -> Result<bool, StoreError> {
        let this = Arc::clone(self);
        let load = async move {
            let _place = this.places.acquire().await;
            this.load_snapshot(&snapshot).await.map(|loaded| matches!(loaded, Raised::Done(_)))
        };
        let Some(tasks) = &self.tasks else { return load.await };
        let (loaded, loading) = oneshot::channel();
        tasks.start(Box::pin(async move {
            // Whoever wanted it may have gone away.
            let _ = loaded.send(load.await);
        }));
        loading.await.unwrap_or_else(|_| Err(rebuilding("the load was broken off")))
    }

    async fn load(
        &self,
        sale: SaleId,
        mut newer_than: Option<Epoch>,
    ) -> Result<Landed, StoreError> {
        let mut fence = None;
        for _ in 0..LOOKS_MAX {
            let served = match self.sales.status(sale).await {
                Ok(status) => status.map(|status| status.epoch),
                // Another process is at it, and must not be overtaken before it is through.
                Err(error) if error.failure() == Failure::Rebuilding => {
                    self.clock.wait(LOOK_AGAIN_MS).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if let Some(served) = served
                && newer_than.is_none_or(|old| served > old)
            {
                let restored = self.confirm(sale, served).await?;
                return Ok(Landed { restored, is_ours: false });
            }
            let live = served.map(LiveEpoch::Served).or(fence);
            match self.raise_and_load(sale, live).await? {
                Raised::Done(restored) => return Ok(Landed { restored, is_ours: true }),
                Raised::Fenced(epoch) => fence = epoch.map(LiveEpoch::Fence),
                Raised::TooSoon => self.clock.wait(LOOK_AGAIN_MS).await,
                Raised::Overtaken(epoch) => newer_than = Some(epoch),
            }
        }
        Err(rebuilding(format!("sale {sale} is still being rebuilt by another process")))
    }

    async fn raise_and_load(
        &self,
        sale: SaleId,
        live: Option<LiveEpoch>,
    ) -> Result<Raised, StoreError> {
        match self.register.raise_epoch(sale, live).await? {
            RaiseReply::Raised(snapshot) => self.load_snapshot(&snapshot).await,
            RaiseReply::TooSoon => Ok(Raised::TooSoon),
            RaiseReply::Closed => Ok(Raised::Done(Restored::Closed)),
            RaiseReply::Behind { ledger } => Err(lost_data(sale, live, ledger)),
        }
    }

    /// The sale is served, if at an epoch that the ledger issued.
    async fn confirm(&self, sale: SaleId, served: Epoch) -> Result<Restored, StoreError> {
        match self.register.find(sale).await? {
            Some(listed) if served > listed.sale.epoch => {
                Err(lost_data(sale, Some(LiveEpoch::Served(served)), listed.sale.epoch))
            }
            _ => Ok(Restored::Loaded),
        }
    }

    async fn load_snapshot(&self, snapshot: &SaleSnapshot) -> Result<Raised, StoreError> {
        let ledger_now = self.register.now().await?;
        match self.sales.load(snapshot, ledger_now).await? {
            LoadReply::Loaded => self.look_after_load(&snapshot.sale).await,
            // What is served is looked at again: the load has not said whose it is.
            LoadReply::Fenced { is_served: true, .. } => Ok(Raised::Fenced(None)),
            LoadReply::Fenced { epoch, .. } => Ok(Raised::Fenced(Some(epoch))),
        }
    }

    /// Takes a sale back that was closed while its snapshot was on the way: it has been forgotten
    /// already, and nobody would forget it again. One that was changed meanwhile, and is served as it was
    /// before because the live store forgot the change, is loaded once more.
    async fn look_after_load(&self, loaded: &Sale) -> Result<Raised, StoreError> {
        // A look that fails is let go: the sale is served, which is what was asked for.
        let Ok(Some(listed)) = self.register.find(loaded.id).await else {
            return Ok(Raised::Done(Restored::Loaded));
        };
        if listed.sale.state == SaleState::Closed {
            self.sales.forget(loaded.id).await?;
            return Ok(Raised::Done(Restored::Closed));
        }
        if listed.sale.epoch > loaded.epoch {
            return Ok(Raised::Overtaken(loaded.epoch));
        }
        Ok(Raised::Done(Restored::Loaded))
    }

    fn flight(&self, sale: SaleId) -> Arc<Flight> {
        let mut flights = lock(&self.flights);
        if !flights.contains_key(&sale) {
            // Sales come and go; those nobody is rebuilding need no entry, if there is nothing to say.
            flights.retain(|_, flight| {
                Arc::strong_count(flight) > 1 || lock(&flight.last).remedy.is_some()
            });
        }
        Arc::clone(flights.entry(sale).or_default())
    }
}

/// How one try to load a sale ended.
enum Raised {
    Done(Restored),
    /// The live store loads nothing that is not newer than this, and serves nothing; or it serves
    /// something.
    Fenced(Option<Epoch>),
    /// Another process is at it.
    TooSoon,
    /// What was loaded is served, but not at the epoch that the ledger has by now.
    Overtaken(Epoch),
}

fn lost_data(sale: SaleId, live: Option<LiveEpoch>, ledger: Epoch) -> StoreError {
    rebuilding(format!(
        "the live store has {live:?} of sale {sale}, but the ledger is at {ledger}: the ledger has \
         lost data; selling stops until an operator accepts the ledger as it is: `flashsale sales \
         accept-restore {sale}`"
    ))
}

fn rebuilding(reason: impl Into<String>) -> StoreError {
    StoreError::new(REBUILD, Failure::Rebuilding, reason.into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
