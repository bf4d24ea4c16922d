//! How sales stand, for crowds: one answer for all readers of a process.
//!
//! What every open page asks must cost the stores nothing more however many ask. The sales that
//! are not closed and that somebody reads are on the board: one task asks for them, twenty times a
//! second, and stops when nobody reads any more. Whoever comes first after a pause waits for one
//! round. A sale that is not on it, and a page of sales, is asked for once for all who want it at
//! the same time, and kept.
//!
//! What is bounded: the age of an answer, the questions under way, the answers kept, and how many
//! may wait. Nothing a buyer is promised comes from here.

mod asker;
mod pages;
mod rounds;

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

use tokio::sync::{Notify, Semaphore, watch};

pub use self::pages::{Page, WhichPage};
use self::{
    asker::{Asked, Asker},
    pages::ShownPage,
    rounds::{Round, Whose},
};

use crate::{
    Catalog, Failure, Ports, ProductVersion, Sale, SaleId, Standing, StoreError,
    answer::Doing,
    asked_once::{AskedOnce, Bounds, Unanswered},
    ports::{Clock, Listed, Tasks},
    sale::SaleState,
};

const READ: Doing = Doing::step("Board::read");

/// Readers who may wait for a store in one process; one more is refused.
const WAITING_MAX: usize = 8_192;

/// Sales, and pages, that may be asked for at a time, and are kept. There are more numbers and
/// pages to make up than a crowd asks for.
const SALES_MAX: Bounds = Bounds { flights_max: 256, kept_max: 1_024 };
const PAGES_MAX: Bounds = Bounds { flights_max: 64, kept_max: 256 };

/// How long an answer of the ledger is repeated, in milliseconds: of a sale or a page, and that
/// there is no such sale.
const SHOWN_MS: u64 = 200;
const UNKNOWN_MS: u64 = 1_000;

/// How many sales are asked for at a time.
const AT_A_TIME: usize = 4;

/// How a sale stands, and the form it is shown in.
#[derive(Debug, Clone)]
pub struct Shown<B> {
    /// How it stands.
    pub standing: Standing,
    /// That, as it is shown.
    pub form: B,
}

/// The forms that are shown, each made once for all who read it.
pub struct Forms<B> {
    /// Of a sale, and of its product.
    pub sale: fn(&Standing, Option<&ProductVersion>) -> B,
    /// Of a page of sales.
    pub page: fn(&Page<'_>) -> B,
}

type ShownSale<B> = Result<Option<Arc<Shown<B>>>, Unanswered>;

/// How sales stand, for all readers of a process.
pub struct Board<B> {
    catalog: Arc<Catalog>,
    asker: Arc<Asker>,
    clock: Arc<dyn Clock>,
    tasks: Arc<dyn Tasks>,
    forms: Forms<B>,
    waiting: Arc<Semaphore>,
    others: Arc<AskedOnce<SaleId, ShownSale<B>>>,
    pages: Arc<AskedOnce<WhichPage, ShownPage<B>>>,
    round: std::sync::RwLock<Arc<Round<B>>>,
    /// Tells waiting readers of a new round.
    rounds: watch::Sender<u64>,
    wanted: std::sync::Mutex<rounds::Wanted>,
    current_read_at_ms: AtomicU64,
    is_running: AtomicBool,
    /// Somebody waits for the next round.
    hurry: Notify,
}

impl<B: Send + Sync + 'static> Board<B> {
    /// A board of the sales in `catalog`, which nobody has read yet.
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        ports: &Ports,
        tasks: Arc<dyn Tasks>,
        forms: Forms<B>,
    ) -> Arc<Self> {
        let Ports { register, sales, clock, .. } = ports;
        let waiting = Arc::new(Semaphore::new(WAITING_MAX));
        let shared = || (clock.clone(), tasks.clone(), waiting.clone());
        let (others, pages) = (shared(), shared());
        Arc::new(Self {
            asker: Asker::new(
                catalog.clone(),
                sales.clone(),
                register.clone(),
                clock.clone(),
                tasks.clone(),
            ),
            others: AskedOnce::new(others.0, others.1, others.2, SALES_MAX),
            pages: AskedOnce::new(pages.0, pages.1, pages.2, PAGES_MAX),
            catalog,
            clock: clock.clone(),
            tasks,
            forms,
            waiting,
            round: std::sync::RwLock::default(),
            rounds: watch::Sender::new(0),
            wanted: std::sync::Mutex::default(),
            current_read_at_ms: AtomicU64::new(0),
            is_running: AtomicBool::new(false),
            hurry: Notify::new(),
        })
    }

    /// How the sale stands that a shop shows: as
    /// [`Standings::current`](crate::Standings::current) chooses it.
    ///
    /// # Errors
    ///
    /// [`Failure::NotDone`] also while a process that has just started knows of no sale yet: that
    /// there is none is something else.
    pub async fn current(self: &Arc<Self>) -> Result<Option<Arc<Shown<B>>>, StoreError> {
        if !self.catalog.was_refreshed() {
            return Err(StoreError::new(READ, Failure::NotDone, "the sales are not known yet"));
        }
        let read = self.read(Whose::Current).await;
        read.map(Option::flatten).map_err(|error| error.to_error(READ))
    }

    /// How one sale stands, or `None` if there never was one.
    pub async fn of(self: &Arc<Self>, sale: SaleId) -> Result<Option<Arc<Shown<B>>>, StoreError> {
        let shown = match self.read(Whose::Sale(sale)).await {
            Ok(Some(shown)) => Ok(shown),
            Ok(None) => self.of_other(sale).await,
            Err(error) => Err(error),
        };
        shown.map_err(|error| error.to_error(READ))
    }

    /// What is known of a sale itself, or `None` if there never was one.
    pub async fn find(self: &Arc<Self>, sale: SaleId) -> Result<Option<Sale>, StoreError> {
        if let Some(listed) = self.catalog.listed(sale) {
            return Ok(Some(listed.sale));
        }
        if let Some(closed) = self.asker.known_closed(sale) {
            return Ok(Some(closed.sale));
        }
        let shown = self.of_other(sale).await.map_err(|error| error.to_error(READ))?;
        Ok(shown.map(|shown| shown.standing.sale))
    }

    /// A sale that is not on the board: it is closed, or newer than the catalog, or there is none.
    async fn of_other(self: &Arc<Self>, sale: SaleId) -> ShownSale<B> {
        let shown = self.others.get(&sale, || {
            let this = Arc::clone(self);
            async move {
                let shown = this.look_up(sale).await;
                let good_ms = if matches!(shown, Ok(None)) { UNKNOWN_MS } else { SHOWN_MS };
                kept(shown, good_ms)
            }
        });
        shown.await.flatten()
    }

    async fn look_up(&self, sale: SaleId) -> ShownSale<B> {
        let found = match self.asker.known_closed(sale) {
            Some(closed) => Some(closed.sale),
            None => self.asker.find(sale).await?.map(|listed| listed.sale),
        };
        let Some(sale) = found else { return Ok(None) };
        let standing = self.standing(sale).await?;
        Ok(Some(Arc::new(self.shown(standing).await?)))
    }

    async fn standing(&self, sale: Sale) -> Result<Standing, Unanswered> {
        if sale.state == SaleState::Closed {
            return self.asker.of_closed(sale).await;
        }
        if let Some(shown) = self.on_board(sale.id) {
            return Ok(Standing { sale, ..shown.standing });
        }
        let listed = Listed { sale, seen_at: self.catalog.calendar().now };
        self.asker.of_open(listed).await.map(|asked| asked.standing)
    }

    async fn shown(&self, standing: Standing) -> Result<Shown<B>, Unanswered> {
        let product = self.asker.product_of(&standing).await?;
        Ok(Shown { standing, form: (self.forms.sale)(&standing, product.as_deref()) })
    }

    fn overloaded() -> Unanswered {
        Unanswered::new(Failure::Overloaded, "too many reads are waiting")
    }
}

/// An answer, and for how long it is good; one that failed is asked for again.
fn kept<T>(answer: Result<T, Unanswered>, good_ms: u64) -> (Result<T, Unanswered>, u64) {
    let good_ms = if answer.is_ok() { good_ms } else { 0 };
    (answer, good_ms)
}
