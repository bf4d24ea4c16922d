//! The live store as tests need it: [`MemoryStores`], which can be lost, go back and fail.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use async_trait::async_trait;
use domain::{
    Code, Epoch, Failure, LedgerId, SaleId, StoreError, Unit, UnixMillis,
    audit::live::LiveSnapshot,
    ports::{
        AuditedLive, Clock, CodeStore, Duty, HoldRequest, LiveStatus, LoadReply, PlaceReply,
        SaleSnapshot, SaleStore, TurnAsked, Turns, Verdict,
    },
    processes::ProcessId,
};
use memory_stores::MemoryStores;

use crate::{Fault, Faults, ManualClock, Operation, at_once, lock};

/// The live store, as Redis is one, as one ledger's services see it.
pub struct FakeLive {
    ledger: LedgerId,
    clock: Arc<ServerClock>,
    faults: Faults,
    server: Arc<Mutex<Server>>,
}

/// What the live store had at some moment, as in a snapshot or on a replica.
#[derive(Clone)]
pub struct LiveCopy(Arc<MemoryStores>, HashMap<SaleId, LedgerId>);

struct Server {
    stores: Arc<MemoryStores>,
    /// Whose each sale is that is there.
    owners: HashMap<SaleId, LedgerId>,
    /// The epochs this server process loaded of each ledger's sales. It is in no copy, which is how
    /// an old copy is noticed.
    loaded: HashMap<(LedgerId, SaleId), Epoch>,
    /// Whose turn each duty is, of each ledger's sales. It is in no copy, either.
    turns: HashMap<(LedgerId, SaleId, Duty), Turn>,
    late: Vec<(Code, Verdict)>,
}

/// Who has a turn, since when, and for how long.
struct Turn {
    by: ProcessId,
    at_ms: u64,
    for_ms: u64,
    is_wanted: bool,
}

/// The ledger whose services see a live store that nobody else uses.
const OURS: LedgerId = LedgerId(0);

/// The clock of the server, which may be off.
struct ServerClock {
    clock: ManualClock,
    /// How far it is ahead of the ledger's.
    skew_ms: AtomicI64,
}

#[async_trait]
impl Clock for ServerClock {
    async fn wait(&self, ms: u64) {
        self.clock.wait(ms).await;
    }

    fn uptime_ms(&self) -> u64 {
        let now = self.clock.now() + self.skew_ms.load(Ordering::SeqCst);
        now.0.try_into().unwrap_or_default()
    }
}

impl FakeLive {
    /// A live store that has nothing.
    #[must_use]
    pub fn new(clock: ManualClock) -> Self {
        let clock = Arc::new(ServerClock { clock, skew_ms: AtomicI64::new(0) });
        let stores = Arc::new(MemoryStores::new(clock.clone()));
        let (owners, loaded, turns) = (HashMap::new(), HashMap::new(), HashMap::new());
        let server = Server { stores, owners, loaded, turns, late: Vec::new() };
        let server = Arc::new(Mutex::new(server));
        Self { ledger: OURS, clock, faults: Faults::default(), server }
    }

    /// The same server, as the services of another ledger see it.
    #[must_use]
    pub fn as_seen_by(&self, ledger: LedgerId) -> Self {
        let (clock, server) = (Arc::clone(&self.clock), Arc::clone(&self.server));
        Self { ledger, clock, faults: Faults::default(), server }
    }

    /// What goes wrong.
    #[must_use]
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Loses everything, as after `FLUSHALL`: the server process is the same.
    pub fn wipe(&self) {
        let mut server = lock(&self.server);
        server.stores = Arc::new(MemoryStores::new(self.clock.clone()));
        server.owners.clear();
    }

    /// What it has now.
    #[must_use]
    pub fn copy(&self) -> LiveCopy {
        let server = lock(&self.server);
        LiveCopy(Arc::new(server.stores.fork()), server.owners.clone())
    }

    /// Comes back with a copy, in a new server process: a restart or a failover.
    pub fn restore(&self, copy: &LiveCopy) {
        let mut server = lock(&self.server);
        server.go_back_to(copy);
        server.loaded.clear();
        server.turns.clear();
    }

    /// Goes back to a copy and serves it as if it were the present. Redis is not supposed to be
    /// able to; the ledger's own rules must hold even so.
    pub fn roll_back_undetected(&self, copy: &LiveCopy) {
        let mut server = lock(&self.server);
        server.go_back_to(copy);
        let of_owner = |(sale, epoch)| Some(((*copy.1.get(&sale)?, sale), epoch));
        server.loaded = copy.0.epochs().into_iter().filter_map(of_owner).collect();
    }

    /// Sets how far this server's clock is ahead of the ledger's. What was loaded before was
    /// loaded by the old clock.
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.clock.skew_ms.store(skew_ms, Ordering::SeqCst);
    }

    /// Carries out the verdicts of [`CodeStore::settle_soon`] that [`Fault::Pause`] held up.
    pub fn settle_late(&self) {
        let mut server = lock(&self.server);
        for (code, verdict) in std::mem::take(&mut server.late) {
            server.settle_soon(self.ledger, code, verdict);
        }
    }

    /// What it serves of a sale; no fault stands in the way.
    #[must_use]
    pub fn served(&self, sale: SaleId) -> Option<LiveStatus> {
        let server = lock(&self.server);
        server.stores.served(sale).filter(|_| server.serves(self.ledger, sale))
    }

    /// The units that can be had, in the order in which they will be, served or not.
    #[must_use]
    pub fn free(&self, sale: SaleId) -> Vec<Unit> {
        self.stores().look(sale).map_or_else(Vec::new, |live| live.free)
    }

    /// The codes it has, with their units, served or not.
    #[must_use]
    pub fn held(&self, sale: SaleId) -> Vec<(Code, Unit)> {
        let holds = self.stores().look(sale).map_or_else(Vec::new, |live| live.holds);
        holds.into_iter().map(|hold| (hold.code, hold.unit)).collect()
    }

    /// Whether it has anything of the sale, served or not.
    #[must_use]
    pub fn has(&self, sale: SaleId) -> bool {
        self.stores().served(sale).is_some()
    }

    /// Whether the sale that is there, served or not, is another ledger's.
    #[must_use]
    pub fn is_of_other(&self, sale: SaleId) -> bool {
        lock(&self.server).is_of_other(self.ledger, sale)
    }

    /// Whether any sale that is there is another ledger's.
    #[must_use]
    pub fn has_any_of_other(&self) -> bool {
        lock(&self.server).owners.values().any(|owner| *owner != self.ledger)
    }

    fn stores(&self) -> Arc<MemoryStores> {
        Arc::clone(&lock(&self.server).stores)
    }

    /// Does something with the sale, unless it is another ledger's.
    async fn of_ours<T: Send>(
        &self,
        operation: Operation,
        sale: SaleId,
        work: impl FnOnce(&mut Server) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        let of_ours = || {
            let mut server = lock(&self.server);
            if server.is_of_other(self.ledger, sale) {
                let reason = "the sale in the live store is that of another ledger";
                return Err(StoreError::new(operation, Failure::NotDone, reason));
            }
            work(&mut server)
        };
        self.faults.around(operation, of_ours).await
    }
}

impl Server {
    fn is_of_other(&self, ledger: LedgerId, sale: SaleId) -> bool {
        self.owners.get(&sale).is_some_and(|owner| *owner != ledger)
    }

    fn go_back_to(&mut self, LiveCopy(stores, owners): &LiveCopy) {
        self.stores = Arc::new(stores.fork());
        self.owners.clone_from(owners);
    }

    /// Whether this server process loaded the epoch that is there, of this ledger's sale.
    fn serves(&self, ledger: LedgerId, sale: SaleId) -> bool {
        let there = self.stores.served(sale).map(|status| status.epoch);
        !self.is_of_other(ledger, sale)
            && there.is_some()
            && there == self.loaded.get(&(ledger, sale)).copied()
    }

    fn load(
        &mut self,
        ledger: LedgerId,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let (id, epoch) = (snapshot.sale.id, snapshot.sale.epoch);
        if let Some(&loaded) = self.loaded.get(&(ledger, id))
            && loaded >= epoch
        {
            return Ok(LoadReply::Fenced { epoch: loaded, is_served: self.serves(ledger, id) });
        }
        // Whatever is there was loaded by another process, and no fence.
        at_once(self.stores.forget(id))?;
        let reply = at_once(self.stores.load(snapshot, ledger_now))?;
        self.owners.insert(id, ledger);
        self.loaded.insert((ledger, id), epoch);
        Ok(reply)
    }

    fn take_turn(&mut self, ledger: LedgerId, asked: TurnAsked, now_ms: u64) -> bool {
        let TurnAsked { sale, duty, by, for_ms, has_failed } = asked;
        let is_on =
            |last: &Turn| now_ms.checked_sub(last.at_ms).is_some_and(|age| age < last.for_ms);
        match self.turns.get_mut(&(ledger, sale, duty)) {
            Some(last) if last.by == by && has_failed && last.is_wanted => {
                self.turns.remove(&(ledger, sale, duty));
                return false;
            }
            Some(last) if last.by != by && is_on(last) => {
                last.is_wanted = true;
                return false;
            }
            _ => {}
        }
        let turn = Turn { by, at_ms: now_ms, for_ms, is_wanted: false };
        self.turns.insert((ledger, sale, duty), turn);
        true
    }

    fn settle_soon(&self, ledger: LedgerId, code: Code, verdict: Verdict) {
        if self.serves(ledger, code.sale()) {
            self.stores.settle_soon(code, verdict);
        }
    }
}

#[async_trait]
impl SaleStore for FakeLive {
    async fn load(
        &self,
        snapshot: &SaleSnapshot,
        ledger_now: UnixMillis,
    ) -> Result<LoadReply, StoreError> {
        let load = |server: &mut Server| server.load(self.ledger, snapshot, ledger_now);
        self.of_ours(Operation::Load, snapshot.sale.id, load).await
    }

    async fn status(&self, sale: SaleId) -> Result<Option<LiveStatus>, StoreError> {
        let status = |server: &mut Server| {
            Ok(server.stores.served(sale).filter(|_| server.serves(self.ledger, sale)))
        };
        self.of_ours(Operation::Status, sale, status).await
    }

    async fn forget(&self, sale: SaleId) -> Result<(), StoreError> {
        let forget = |server: &mut Server| {
            server.loaded.remove(&(self.ledger, sale));
            server.owners.remove(&sale);
            server.turns.retain(|(ledger, id, _), _| *ledger != self.ledger || *id != sale);
            at_once(server.stores.forget(sale))
        };
        self.of_ours(Operation::Forget, sale, forget).await
    }
}

#[async_trait]
impl CodeStore for FakeLive {
    async fn place_hold(&self, request: HoldRequest) -> Result<PlaceReply, StoreError> {
        let sale = request.code.sale();
        let place = |server: &mut Server| {
            if !server.serves(self.ledger, sale) {
                return Ok(PlaceReply::NotLoaded);
            }
            at_once(server.stores.place_hold(request))
        };
        self.of_ours(Operation::PlaceHold, sale, place).await
    }

    async fn find(&self, code: Code) -> Result<Option<Unit>, StoreError> {
        // Whatever is there is only a hint, so nobody asks whether it is served, and whose it is.
        let find = || at_once(CodeStore::find(&*self.stores(), code));
        self.faults.around(Operation::FindUnit, find).await
    }

    async fn due(&self, sale: SaleId, limit: usize) -> Result<Option<Vec<Code>>, StoreError> {
        let due = |server: &mut Server| {
            if !server.serves(self.ledger, sale) {
                return Ok(None);
            }
            at_once(server.stores.due(sale, limit))
        };
        self.of_ours(Operation::Due, sale, due).await
    }

    async fn settle(&self, sale: SaleId, verdicts: &[(Code, Verdict)]) -> Result<(), StoreError> {
        let settle = |server: &mut Server| {
            if server.serves(self.ledger, sale) {
                at_once(server.stores.settle(sale, verdicts))
            } else {
                Ok(())
            }
        };
        self.of_ours(Operation::Settle, sale, settle).await
    }

    fn settle_soon(&self, code: Code, verdict: Verdict) {
        let mut server = lock(&self.server);
        match self.faults.take(Operation::SettleSoon) {
            None | Some(Fault::LoseReply) => server.settle_soon(self.ledger, code, verdict),
            Some(Fault::Pause) => server.late.push((code, verdict)),
            Some(Fault::Refuse | Fault::Lose) => {}
        }
    }
}

#[async_trait]
impl Turns for FakeLive {
    async fn take(&self, asked: TurnAsked) -> Result<bool, StoreError> {
        let now_ms = self.clock.uptime_ms();
        let take = || Ok(lock(&self.server).take_turn(self.ledger, asked, now_ms));
        self.faults.around(Operation::TakeTurn, take).await
    }
}

#[async_trait]
impl AuditedLive for FakeLive {
    async fn ping(&self) -> Result<(), StoreError> {
        self.faults.around(Operation::Status, || Ok(())).await
    }

    async fn snapshot(&self, sale: SaleId) -> Result<Option<LiveSnapshot>, StoreError> {
        let look = || Ok(self.served(sale).and_then(|_| self.stores().look(sale)));
        self.faults.around(Operation::Status, look).await
    }
}
