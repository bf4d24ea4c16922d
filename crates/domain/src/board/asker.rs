//! What the stores are asked on behalf of readers, and how seldom.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    Catalog, Failure, ProductCatalog, ProductVersion, Sale, SaleId, Standing, Standings,
    UnixMillis,
    asked_once::{AskedOnce, Bounded, Bounds, Unanswered},
    ports::{Clock, Listed, SaleRegister, SaleStore, Tasks},
    within::within,
};

/// How long what the ledger counted of a sale is repeated, in milliseconds, where the live store
/// does not serve it; and how long it is not asked again after it could not say.
const COUNTED_MS: u64 = 2_000;
const NOT_COUNTED_MS: u64 = 500;

/// How long the live store may take before the ledger's counts are shown, in milliseconds.
const LIVE_MS_MAX: u64 = 400;

/// How long the ledger's clock is reckoned before it is read again, in milliseconds.
const RECKONED_MS_MAX: u64 = 10_000;

/// Questions to the ledger under way at a time: readers shall take few of its connections.
const TURNS: usize = 2;

/// Closed sales whose figures are kept, and for how long, in milliseconds: a purchase may be cancelled.
const CLOSED_KEPT_MAX: usize = 4_096;
const CLOSED_KEPT_MS: u64 = 60_000;

/// Sales that are not closed whose counts are kept or under way.
const COUNTED_MAX: Bounds = Bounds { flights_max: 1_024, kept_max: 1_024 };

type Counted = Result<Standing, Unanswered>;

/// The way of readers to the stores.
pub(super) struct Asker {
    standings: Standings,
    register: Arc<dyn SaleRegister>,
    products: Arc<ProductCatalog>,
    clock: Arc<dyn Clock>,
    turns: Semaphore,
    counted: Arc<AskedOnce<SaleId, Counted>>,
    closed: Mutex<Bounded<SaleId, (Standing, u64)>>,
    ledger_time: Mutex<Option<Heard>>,
}

/// What the ledger's clock was, and when.
#[derive(Clone, Copy)]
struct Heard {
    at: UnixMillis,
    uptime_ms: u64,
}

/// How a sale stands, and whether the live store said so.
pub(super) struct Asked {
    pub(super) standing: Standing,
    pub(super) is_live: bool,
}

impl Asker {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        sales: Arc<dyn SaleStore>,
        register: Arc<dyn SaleRegister>,
        clock: Arc<dyn Clock>,
        tasks: Arc<dyn Tasks>,
    ) -> Arc<Self> {
        let waiting = Arc::new(Semaphore::new(COUNTED_MAX.flights_max));
        Arc::new(Self {
            products: catalog.products().clone(),
            standings: Standings::new(catalog, sales, register.clone()),
            register,
            counted: AskedOnce::new(clock.clone(), tasks, waiting, COUNTED_MAX),
            clock,
            turns: Semaphore::new(TURNS),
            closed: Mutex::new(Bounded::new(CLOSED_KEPT_MAX)),
            ledger_time: Mutex::default(),
        })
    }

    /// How a sale that is not closed stands: from the live store, or where it does not serve it,
    /// from what the ledger counted in the last two seconds.
    pub(super) async fn of_open(self: &Arc<Self>, listed: Listed) -> Result<Asked, Unanswered> {
        let live = within(&*self.clock, LIVE_MS_MAX, self.standings.live(listed.sale)).await;
        if let Some(standing) = live.flatten() {
            self.hear(standing.at);
            return Ok(Asked { standing, is_live: true });
        }
        let counted = self.counted.get(&listed.sale.id, || {
            let this = Arc::clone(self);
            async move {
                let counted = this.count(listed).await;
                let good_ms = if counted.is_ok() { COUNTED_MS } else { NOT_COUNTED_MS };
                (counted, good_ms)
            }
        });
        // The counts may be older than what the catalog says of the sale, and than its clock.
        let counted = counted.await??;
        let at = self.reckon().unwrap_or(counted.at);
        let sale = listed.sale.or_newer(counted.sale);
        Ok(Asked { standing: Standing { sale, at, ..counted }, is_live: false })
    }

    /// How a closed sale stands. It is counted once a minute, however many ask.
    pub(super) async fn of_closed(&self, sale: Sale) -> Result<Standing, Unanswered> {
        let counted = if let Some(known) = self.known_closed(sale.id) {
            known
        } else {
            let counted = self.count(Listed { sale, seen_at: self.now().await? }).await?;
            let mut closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
            closed.put(sale.id, (counted, self.clock.uptime_ms()));
            counted
        };
        Ok(Standing { at: self.now().await?, ..counted })
    }

    /// A closed sale whose figures are kept.
    pub(super) fn known_closed(&self, sale: SaleId) -> Option<Standing> {
        let (known, counted_at_ms) =
            self.closed.lock().unwrap_or_else(PoisonError::into_inner).get(&sale).copied()?;
        let age_ms = self.clock.uptime_ms().saturating_sub(counted_at_ms);
        (age_ms < CLOSED_KEPT_MS).then_some(known)
    }

    /// The sale of this number, if there ever was one.
    pub(super) async fn find(&self, sale: SaleId) -> Result<Option<Listed>, Unanswered> {
        let found = self.register.find(sale).await?;
        if let Some(listed) = found {
            self.hear(listed.seen_at);
        }
        Ok(found)
    }

    /// At most `limit` sales with numbers below `before`, the newest first.
    pub(super) async fn page(
        &self,
        before: Option<SaleId>,
        limit: usize,
    ) -> Result<Vec<Sale>, Unanswered> {
        let _turn = self.turn().await;
        Ok(self.register.page(before, limit).await?)
    }

    /// What these sales are of, each of its product as that is now.
    pub(super) async fn products_of(
        &self,
        standings: &[Standing],
    ) -> Result<Vec<Option<Arc<ProductVersion>>>, Unanswered> {
        let products = standings.iter().map(|standing| standing.sale.product);
        let unlisted: BTreeSet<_> =
            products.clone().flatten().filter(|&it| self.products.listed(it).is_none()).collect();
        let looked_up = if unlisted.is_empty() {
            HashMap::new()
        } else {
            let _turn = self.turn().await;
            self.products.all_current(&unlisted.into_iter().collect::<Vec<_>>()).await?
        };
        let lacks = || Unanswered::new(Failure::NotDone, "the product of a sale is not there");
        let version = |product| {
            let version =
                looked_up.get(&product).cloned().or_else(|| self.products.listed(product));
            version.ok_or_else(lacks)
        };
        products.map(|product| product.map(version).transpose()).collect()
    }

    /// What a sale is of.
    pub(super) async fn product_of(
        &self,
        standing: &Standing,
    ) -> Result<Option<Arc<ProductVersion>>, Unanswered> {
        Ok(self.products_of(std::slice::from_ref(standing)).await?.pop().flatten())
    }

    /// The ledger's clock, reckoned from when it was heard last.
    pub(super) async fn now(&self) -> Result<UnixMillis, Unanswered> {
        let _turn = match self.reckoned(RECKONED_MS_MAX) {
            Some(now) => return Ok(now),
            None => self.turn().await,
        };
        if let Some(now) = self.reckoned(RECKONED_MS_MAX) {
            return Ok(now);
        }
        match self.register.now().await {
            Ok(now) => {
                self.hear(now);
                Ok(now)
            }
            Err(error) => self.reckon().ok_or_else(|| error.into()),
        }
    }

    async fn count(&self, listed: Listed) -> Counted {
        let _turn = self.turn().await;
        let counted = self.standings.counted(listed).await?;
        self.hear(counted.at);
        Ok(counted)
    }

    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // An error means that it was closed, which nobody does.
        self.turns.acquire().await.ok()
    }

    fn hear(&self, at: UnixMillis) {
        let heard = Heard { at, uptime_ms: self.clock.uptime_ms() };
        *self.ledger_time.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    fn reckon(&self) -> Option<UnixMillis> {
        self.reckoned(u64::MAX)
    }

    /// The ledger's clock, if it was heard at most so many milliseconds ago.
    fn reckoned(&self, age_ms_max: u64) -> Option<UnixMillis> {
        let heard = (*self.ledger_time.lock().unwrap_or_else(PoisonError::into_inner))?;
        let age_ms = self.clock.uptime_ms().saturating_sub(heard.uptime_ms);
        let at = heard.at + i64::try_from(age_ms).unwrap_or(i64::MAX);
        (age_ms <= age_ms_max).then_some(at)
    }
}
