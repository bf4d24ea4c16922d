//! The sales this process knows of: a snapshot of the register, so that a request asks nobody.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

use tokio::sync::Semaphore;

use crate::{
    ProductCatalog, SaleId, SteadyClock, StoreError, UnixMillis,
    answer::Doing,
    asked_once::{AskedOnce, Bounds, Unanswered},
    ports::{Calendar, Clock, Listed, SaleRegister, Tasks},
    remembered::HEARD_MS_MAX,
    steady::ClockNews,
};

/// How soon a sale must end that it may have ended by the ledger's clock, in milliseconds: more than what the
/// snapshot is off by.
const LATE_MS: i64 = 1_000;

/// Sales that are asked for at a time, or whose answers are kept; and those in one process who may wait for one. One
/// more is refused.
const LATELY_MAX: Bounds = Bounds { flights_max: 64, kept_max: 64 };
const WAITING_MAX: usize = 8_192;

const FIND: Doing = Doing::step("Catalog::find_lately");

/// A snapshot of the sales that are not closed, refreshed by the scheduler about every second.
///
/// A sale that is not in it, because it is closed or newer than the snapshot, is looked up in
/// the register. What the snapshot says of the time is only ever used where being late does
/// no harm: a sale that was over then is over now.
pub struct Catalog {
    register: Arc<dyn SaleRegister>,
    /// The snapshot, and how long the process had run when it was taken, in milliseconds.
    calendar: RwLock<(Arc<Calendar>, u64)>,
    /// What the sales are of.
    products: Arc<ProductCatalog>,
    /// What measures how long ago the snapshot was taken.
    clock: Option<Arc<dyn Clock>>,
    watch: OnceLock<Watch>,
    lately: Option<Lately>,
}

/// What the ledger said of sales that the snapshot may be too old for: once for all who ask at a time.
struct Lately {
    clock: Arc<dyn Clock>,
    asked: Arc<AskedOnce<SaleId, Result<Option<Listed>, Unanswered>>>,
}

/// The ledger's clock, held against that of the process.
struct Watch {
    clock: Arc<dyn Clock>,
    watched: Mutex<(SteadyClock, Option<ClockNews>)>,
}

impl Catalog {
    /// An empty catalog over `register`, of sales of `products`.
    pub fn new(register: Arc<dyn SaleRegister>, products: Arc<ProductCatalog>) -> Self {
        let empty = Calendar { now: UnixMillis(0), sales: Vec::new(), just_closed: Vec::new() };
        Self {
            register,
            calendar: RwLock::new((Arc::new(empty), 0)),
            products,
            clock: None,
            watch: OnceLock::new(),
            lately: None,
        }
    }

    /// The same, where a crowd that the snapshot is too old for asks the ledger once.
    #[must_use]
    pub(crate) fn asking_once(self, clock: Arc<dyn Clock>, tasks: Arc<dyn Tasks>) -> Self {
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let asked = AskedOnce::new(clock.clone(), tasks, waiting, LATELY_MAX);
        Self { lately: Some(Lately { clock, asked }), ..self }
    }

    /// The same, and between two snapshots it is known what time it is.
    #[must_use]
    pub fn reckoning_by(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock: Some(clock), ..self }
    }

    /// The ledger's clock, as far as the snapshot and how old it is say. Nothing is decided by it.
    #[must_use]
    pub fn reckoned_now(&self) -> UnixMillis {
        let (seen_at, taken_at_ms) = {
            let known = self.calendar.read().unwrap_or_else(PoisonError::into_inner);
            (known.0.now, known.1)
        };
        let age_ms = self.uptime_ms().saturating_sub(taken_at_ms);
        seen_at + i64::try_from(age_ms).unwrap_or(i64::MAX)
    }

    fn uptime_ms(&self) -> u64 {
        self.clock.as_ref().map_or(0, |clock| clock.uptime_ms())
    }

    /// Has the ledger's clock held against `clock` from now on: while the two are apart, nothing is
    /// done that cannot be undone.
    pub fn watch_clock(&self, clock: Arc<dyn Clock>) {
        let _is_watched_already = self.watch.set(Watch { clock, watched: Mutex::default() });
    }

    /// What the sales are of.
    #[must_use]
    pub const fn products(&self) -> &Arc<ProductCatalog> {
        &self.products
    }

    /// Takes a new snapshot.
    pub async fn refresh(&self) -> Result<(), StoreError> {
        let calendar = Arc::new(self.register.calendar().await?);
        if let Some(watch) = self.watch.get() {
            watch.look(calendar.now);
        }
        let taken = (Arc::clone(&calendar), self.uptime_ms());
        *self.calendar.write().unwrap_or_else(PoisonError::into_inner) = taken;
        // No sale waits for the texts of another. What could not be had is asked for by whoever wants it
        // before the next snapshot, and they are told why it is not there.
        let _is_asked_again = self.products.refresh(&calendar.sales).await;
        Ok(())
    }

    /// Whether there was ever a snapshot: before, nothing is known of any sale.
    #[must_use]
    pub fn was_refreshed(&self) -> bool {
        self.calendar().now > UnixMillis(0)
    }

    /// Whether what the snapshot says of the time may be gone by where there is no way back.
    #[must_use]
    pub fn is_on_time(&self) -> bool {
        self.watch.get().is_none_or(Watch::is_on_time)
    }

    /// What has become of the ledger's clock since this was asked last.
    pub fn clock_news(&self) -> Option<ClockNews> {
        self.watch.get()?.watched().1.take()
    }

    /// The snapshot.
    #[must_use]
    pub fn calendar(&self) -> Arc<Calendar> {
        Arc::clone(&self.calendar.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The sale of this number, if it is in the snapshot.
    #[must_use]
    pub fn listed(&self, id: SaleId) -> Option<Listed> {
        let calendar = self.calendar();
        let sale = calendar.sales.iter().find(|sale| sale.id == id).copied()?;
        Some(Listed { sale, seen_at: calendar.now })
    }

    /// The same, and looked up anew where it is not there, or may have ended since: whoever is late for the end of a sale shall
    /// be told so. Anywhere else a crowd whose grants are refused together asks the ledger nothing.
    pub(crate) async fn listed_about_now(&self, id: SaleId) -> Option<Listed> {
        let Some(listed) = self.listed(id) else {
            return self.register.find(id).await.ok().flatten();
        };
        let ends_at = listed.sale.window.ends_at();
        let may_have_ended = listed.seen_at < ends_at && ends_at < self.reckoned_now() + LATE_MS;
        if !may_have_ended {
            return Some(listed);
        }
        self.register.find(id).await.ok().flatten()
    }

    /// The sale of this number, or `None` if there never was one.
    pub async fn find(&self, id: SaleId) -> Result<Option<Listed>, StoreError> {
        match self.listed(id) {
            Some(listed) => Ok(Some(listed)),
            None => self.register.find(id).await,
        }
    }

    /// The same as the ledger has had it within the last [`HEARD_MS_MAX`], however many ask: the snapshot may be a
    /// second old, and an order is said to be in effect before the next.
    pub(crate) async fn find_lately(&self, id: SaleId) -> Result<Option<Listed>, StoreError> {
        let Some(lately) = &self.lately else { return self.register.find(id).await };
        let found = lately.asked.get(&id, || {
            let (register, clock) = (Arc::clone(&self.register), Arc::clone(&lately.clock));
            async move {
                let asked_at_ms = clock.uptime_ms();
                let found = register.find(id).await.map_err(Unanswered::from);
                let age_ms = clock.uptime_ms().saturating_sub(asked_at_ms);
                let good_ms = if found.is_ok() { HEARD_MS_MAX } else { 0 };
                (found, good_ms.saturating_sub(age_ms))
            }
        });
        found.await.flatten().map_err(|error| error.to_error(FIND))
    }
}

impl Watch {
    fn look(&self, shown: UnixMillis) {
        let mut watched = self.watched();
        let (steady, news) = &mut *watched;
        let read = steady.read(shown, self.clock.uptime_ms());
        *news = read.news.or(*news);
    }

    fn is_on_time(&self) -> bool {
        self.watched().0.is_believed()
    }

    fn watched(&self) -> MutexGuard<'_, (SteadyClock, Option<ClockNews>)> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
