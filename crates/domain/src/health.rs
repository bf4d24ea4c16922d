//! Whether this process can sell, found out by going the way a checkout goes.
//!
//! What is asked changes nothing: a unit of a sale that no live store serves, by the function that
//! takes units; a code that was never given, by the statement that redeems codes. So what would
//! keep a buyer from a unit (memory, rights, a server that only reads, workers that are gone) is
//! met here first. Beside that counts what became of the last requests of buyers ([`Pulse`]). One
//! look is shared by all who ask.

mod checked;
mod pulse;
mod way;

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use tokio::sync::Semaphore;

use self::way::Ill;
pub use self::{
    checked::{Checked, Reach, Unserved},
    pulse::{Beat, Pulse},
    way::Way,
};
use crate::{
    Catalog, Phase, Ports, Sale, SaleId, StoreError, UnixMillis,
    answer::Doing,
    asked_once::{AskedOnce, Bounds},
    ports::{AuditedLive, Calendar, Clock, SaleRegister, SaleStore, Tasks},
    standing::by_precedence,
    upkeep::Rebuild,
    within::within,
};

/// How long one question may take, in milliseconds. What is outstanding longer stands still.
const STANDS_STILL_MS: u64 = 3_000;

/// How old may be what was found when it is told because a look takes its time, in milliseconds.
const TOLD_MAX_MS: u64 = 10_000;

/// What is said of a store that answers, and does not do what is asked of it, with no reason.
const NO_ANSWER: &str = "not all that is asked of it is answered in time; the log may say why";

/// How long a look is good, in milliseconds: one that found nothing, and one that found a fault.
const WELL_MS: u64 = 900;
const ILL_MS: u64 = 200;

/// How often a sale that is not served is looked at again before that is a fault, and the pause
/// before, in milliseconds: a rebuild takes a moment, and checkouts wait for it.
const LOOKS_MAX: u32 = 4;
const LOOK_AGAIN_MS: u64 = 150;

/// How long a process that starts may take to serve its sales before it is called ready without,
/// in milliseconds.
const STARTING_MS: u64 = 3_000;

/// Who may wait for one look; one more is refused.
const WAITING_MAX: usize = 4_096;

/// Open sales that are looked at in one look; where there are more, those that end first.
const SALES_MAX: usize = 64;
const AT_A_TIME: usize = 4;

/// What was found of both stores.
struct Stores {
    ledger: Reach,
    ledger_remedy: Option<Cow<'static, str>>,
    live: Reach,
    live_remedy: Option<Cow<'static, str>>,
    /// What time it is by the ledger's clock.
    now: Option<UnixMillis>,
}

/// The open sales of which nothing can be had, and what can be done about it, if that is known.
#[derive(Default)]
struct NotServed {
    sales: Vec<(SaleId, Unserved)>,
    remedy: Option<Cow<'static, str>>,
}

/// Whether a process can sell.
pub struct Health {
    catalog: Arc<Catalog>,
    rebuild: Arc<Rebuild>,
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    live: Arc<dyn AuditedLive>,
    clock: Arc<dyn Clock>,
    has_timetable: bool,
    ways: Mutex<Vec<Weak<Way>>>,
    looks: Arc<AskedOnce<(), Arc<Checked>>>,
    /// Why each store refuses, as it said last: the ledger, and the live store.
    remedies: Mutex<[Option<Cow<'static, str>>; 2]>,
    /// What the last look found, and when that was.
    last: Mutex<Option<(Arc<Checked>, u64)>>,
    /// When a look first found the ledger well; 0 before.
    began_at_ms: AtomicU64,
    /// When one first found that everything is served, or the time to start over; 0 before.
    started_at_ms: AtomicU64,
}

impl Health {
    /// The health of a process over these stores. `live` is the live store itself, with nothing
    /// remembered before it.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        rebuild: Arc<Rebuild>,
        ports: &Ports,
        live: Arc<dyn AuditedLive>,
        tasks: Arc<dyn Tasks>,
        has_timetable: bool,
    ) -> Arc<Self> {
        let Ports { register, sales, clock, .. } = ports;
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let one = Bounds { flights_max: 1, kept_max: 1 };
        Arc::new(Self {
            catalog,
            rebuild,
            register: register.clone(),
            sales: sales.clone(),
            live,
            looks: AskedOnce::new(clock.clone(), tasks, waiting, one),
            last: Mutex::default(),
            clock: clock.clone(),
            has_timetable,
            ways: Mutex::default(),
            remedies: Mutex::default(),
            began_at_ms: AtomicU64::new(0),
            started_at_ms: AtomicU64::new(0),
        })
    }

    /// The way of one more thread, which is looked at as long as the thread has it.
    pub fn way(&self, ports: &Ports) -> Arc<Way> {
        let way = Arc::new(Way::of(ports));
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        ways.retain(|way| way.strong_count() > 0);
        ways.push(Arc::downgrade(&way));
        way
    }

    /// What the last look found, which is about a second old at the most, or else a new one, for
    /// which no more than some seconds are waited.
    pub async fn look(self: &Arc<Self>) -> Result<Arc<Checked>, StoreError> {
        let looked = self.looks.get(&(), || {
            let this = Arc::clone(self);
            async move {
                let checked = Arc::new(this.check().await);
                let good_ms = if checked.can_sell() { WELL_MS } else { ILL_MS };
                let at_ms = this.clock.uptime_ms();
                *this.last() = Some((Arc::clone(&checked), at_ms));
                (checked, good_ms)
            }
        });
        looked.await.map_err(|error| error.to_error(Doing::step("Health::look")))
    }

    /// What the last look found, for whoever cannot wait for the one that is under way, unless that was long
    /// ago.
    #[must_use]
    pub fn found_lately(&self) -> Option<Arc<Checked>> {
        let now_ms = self.clock.uptime_ms();
        let (checked, at_ms) = self.last().clone()?;
        (now_ms.saturating_sub(at_ms) <= TOLD_MAX_MS).then_some(checked)
    }

    fn last(&self) -> MutexGuard<'_, Option<(Arc<Checked>, u64)>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn check(&self) -> Checked {
        let ways: Vec<_> = {
            let ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
            ways.iter().filter_map(Weak::upgrade).collect()
        };
        let Stores { ledger, ledger_remedy, live, live_remedy, now } = self.reach(&ways).await;
        // Asked after the stores, so that it is no older than what they said.
        let calendar = self.catalog.calendar();
        let at = now.unwrap_or(calendar.now);
        let is_known = ledger != Reach::Down || live != Reach::Down || calendar.sales.is_empty();
        let phase = by_precedence(&Calendar { now: at, ..(*calendar).clone() })
            .next()
            .map(|sale| sale.phase_at(at));
        let unserved = match (ledger, live) {
            (Reach::Up, Reach::Up) => {
                within(&*self.clock, STANDS_STILL_MS, self.unserved(at)).await
            }
            _ => Some(NotServed::default()),
        };
        let stands_still = unserved.is_none();
        let NotServed { sales: unserved, remedy: unserved_remedy } = unserved.unwrap_or_default();
        let has_sales = self.catalog.was_refreshed()
            && (!self.has_timetable || phase.is_some() || self.has_started());
        let beats = |is: fn(&Pulse) -> bool| {
            ways.iter().any(|way| is(&way.checkouts) || is(&way.purchases))
        };
        let failing_remedy = ways
            .iter()
            .flat_map(|way| [&way.checkouts, &way.purchases])
            .filter(|pulse| pulse.is_failing())
            .find_map(Pulse::remedy);
        let mut checked = Checked {
            ledger,
            ledger_remedy,
            live,
            live_remedy,
            sale: if is_known { Ok(phase) } else { Err(()) },
            stands_still: stands_still || beats(Pulse::stands_still),
            unserved,
            unserved_remedy,
            is_failing: beats(Pulse::is_failing),
            failing_remedy,
            has_sales,
            is_starting: false,
        };
        checked.is_starting = self.is_starting(&checked);
        checked
    }

    /// How far both stores can be reached by all the ways, and the ledger's clock.
    async fn reach(&self, ways: &[Arc<Way>]) -> Stores {
        let mut now = None;
        let tell_time = async {
            let told = self.register.now().await.map_err(|error| Ill::from(&error))?;
            now = Some(told);
            Ok(())
        };
        let ping = async { self.live.ping().await.map_err(|error| Ill::from(&error)) };
        let mut asked = vec![self.in_time(tell_time), self.in_time(ping)];
        for way in ways {
            asked.extend([self.in_time(way.can_record()), self.in_time(way.can_take())]);
        }
        let told = join_all(asked).await;
        // The ledger's answers and the live store's, in turn: that it answers, then of each way.
        let reach = |first| {
            let of_store = || told.iter().skip(first).step_by(2);
            let remedy = of_store().find_map(|told| told.as_ref().err()?.remedy.clone());
            let reach = match of_store().next() {
                Some(Ok(())) if of_store().all(Result::is_ok) => Reach::Up,
                // Whoever says why not has answered.
                Some(Ok(()) | Err(Ill { remedy: Some(_), .. })) => Reach::Refuses,
                _ => Reach::Down,
            };
            let is_silent = |told: &Result<(), Ill>| told.as_ref().is_err_and(|ill| ill.is_silent);
            let remedy = self.remedy_of(first, reach, remedy, of_store().any(is_silent));
            let untold = || (reach == Reach::Refuses).then_some(NO_ANSWER.into());
            (reach, remedy.or_else(untold))
        };
        let ((ledger, ledger_remedy), (live, live_remedy)) = (reach(0), reach(1));
        drop(told);
        Stores { ledger, ledger_remedy, live, live_remedy, now }
    }

    /// Why a store refuses: what it says, or where it has not come to say it in time, as one that is locked says
    /// it late, what it said last. Until it is up again, that is why.
    fn remedy_of(
        &self,
        store: usize,
        reach: Reach,
        said: Option<Cow<'static, str>>,
        is_silent: bool,
    ) -> Option<Cow<'static, str>> {
        let mut remedies = self.remedies.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut remedies[store];
        match reach {
            Reach::Up => *last = None,
            Reach::Refuses | Reach::Down if said.is_some() || !is_silent => *last = said,
            Reach::Refuses | Reach::Down => {}
        }
        last.clone()
    }

    /// What is answered, if that comes before it counts as outstanding.
    fn in_time<'a>(
        &'a self,
        asked: impl Future<Output = Result<(), Ill>> + Send + 'a,
    ) -> BoxFuture<'a, Result<(), Ill>> {
        let answered = async {
            let answered = within(&*self.clock, STANDS_STILL_MS, asked).await;
            answered.unwrap_or_else(|| Err(Ill::silent()))
        };
        answered.boxed()
    }

    /// The open sales of which nothing can be had, also not a moment later.
    async fn unserved(&self, now: UnixMillis) -> NotServed {
        let calendar = self.catalog.calendar();
        let open = calendar.sales.iter().filter(|sale| sale.phase_at(now) == Phase::Open);
        let mut open: Vec<_> = open.copied().collect();
        open.sort_unstable_by_key(|sale| sale.window.ends_at());
        open.truncate(SALES_MAX);
        let mut unserved = self.unserved_among(&open).await;
        for _ in 1..LOOKS_MAX {
            if unserved.sales.is_empty() {
                break;
            }
            self.clock.wait(LOOK_AGAIN_MS).await;
            open.retain(|sale| unserved.sales.iter().any(|(id, _)| *id == sale.id));
            unserved = self.unserved_among(&open).await;
        }
        unserved
    }

    async fn unserved_among(&self, open: &[Sale]) -> NotServed {
        let mut unserved = NotServed::default();
        for few in open.chunks(AT_A_TIME) {
            let asked = few.iter().map(|sale| self.unserved_of(sale).boxed());
            for (sale, found) in few.iter().zip(join_all(asked).await) {
                let Some((why, remedy)) = found else { continue };
                unserved.sales.push((sale.id, why));
                unserved.remedy = unserved.remedy.or(remedy);
            }
        }
        unserved
    }

    async fn unserved_of(&self, sale: &Sale) -> Option<(Unserved, Option<Cow<'static, str>>)> {
        let status = match self.sales.status(sale.id).await {
            Ok(Some(status)) => status,
            Ok(None) => return Some((Unserved::NotServed, self.rebuild.remedy(sale.id))),
            Err(error) => return Some((Unserved::NotServed, error.remedy().cloned())),
        };
        if status.epoch == sale.epoch {
            return None;
        }
        // What is known of the sale may be older than what is served.
        let listed = self.register.find(sale.id).await.ok().flatten()?;
        match status.epoch.cmp(&listed.sale.epoch) {
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some((Unserved::LedgerBehind, None)),
            std::cmp::Ordering::Less => Some((Unserved::Outdated, self.rebuild.remedy(sale.id))),
        }
    }

    fn has_started(&self) -> bool {
        self.started_at_ms.load(Ordering::Relaxed) > 0
    }

    /// Whether a process that is well but for its sales is still to load them. One whose live store
    /// is down has started: it redeems codes.
    fn is_starting(&self, checked: &Checked) -> bool {
        if self.has_started() {
            return false;
        }
        if checked.ledger != Reach::Up || !checked.has_sales {
            return true;
        }
        let now_ms = self.clock.uptime_ms().max(1);
        let began =
            self.began_at_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        let began_at_ms = began.unwrap_or_else(|before| before);
        let serves = checked.unserved.is_empty() || checked.live != Reach::Up;
        let is_late = now_ms.saturating_sub(began_at_ms.max(1)) > STARTING_MS && began_at_ms > 0;
        if serves || is_late {
            self.started_at_ms.store(now_ms, Ordering::Relaxed);
            return false;
        }
        true
    }
}
