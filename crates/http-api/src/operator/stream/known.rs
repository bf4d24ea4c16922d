//! What is known of sales and stores, looked at once a second: for all who watch, and no longer than
//! somebody does.
//!
//! A store that is slow goes on with what it was asked, whoever waits for it. So no sale is asked for that is
//! still being asked for, and no more of them at a time than [`AT_A_TIME`], however often somebody looks.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix_web::{rt, web::Data};

use domain::{
    Phase, ProductVersion, Sale, SaleId, Standing, StoreError, UnixMillis,
    health::{Checked, Reach},
    sale::SaleState,
};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use telemetry::{Found, Totals, found, totals};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use super::told::{DriftBody, SaleBody, StoreBody, rounded};
use crate::{api::Api, health::state_of, moment::rfc3339};

/// The most sales that are shown.
const SALES_MAX: usize = 32;

/// The most sales that are known: of those that ended within the hour there may be more.
const KNOWN_MAX: usize = 4 * SALES_MAX;

/// How long a sale is shown that has ended, in milliseconds.
const ENDED_MS: i64 = 60 * 60 * 1_000;

/// How long looks may take: what is not known by then is told with the next event.
const LOOK_MAX: Duration = Duration::from_millis(700);

/// Sales that are looked at at a time.
pub(super) const AT_A_TIME: usize = 4;

/// Sales that are read when somebody comes, for those that are closed and ended within the hour.
const LISTED: usize = 48;

/// What is known.
#[derive(Default)]
pub(super) struct Known {
    sales: RefCell<HashMap<SaleId, Seen>>,
    checked: RefCell<Option<Arc<Checked>>>,
    /// The sales that are to be shown, of which nothing is known yet.
    unknown: RefCell<BTreeSet<SaleId>>,
    /// Of each store, whether it answered, and since when that is so.
    since: RefCell<BTreeMap<&'static str, (Reach, UnixMillis)>>,
    counted: RefCell<Totals>,
}

/// What is being asked, for whoever watches now or did a moment ago.
pub(super) struct Asking {
    sales: RefCell<BTreeSet<SaleId>>,
    places: Arc<Semaphore>,
    /// One lists the newest sales at a time.
    listing: Semaphore,
}

/// A sale that is being asked for.
struct Asked {
    by: Rc<Asking>,
    sale: SaleId,
    _place: OwnedSemaphorePermit,
}

impl Asking {
    pub(super) fn nothing() -> Rc<Self> {
        let (places, listing) = (Arc::new(Semaphore::new(AT_A_TIME)), Semaphore::new(1));
        Rc::new(Self { sales: RefCell::default(), places, listing })
    }

    /// Waits until there is a place for one more; `None` if this sale is being asked for.
    async fn begin(self: &Rc<Self>, sale: SaleId) -> Option<Asked> {
        // Nobody closes it.
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let is_new = self.sales.borrow_mut().insert(sale);
        is_new.then(|| Asked { by: Rc::clone(self), sale, _place: place })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.by.sales.borrow_mut().remove(&self.sale);
    }
}

/// How a sale stood when it was looked at.
struct Seen {
    standing: Standing,
    product: Option<Arc<ProductVersion>>,
    at: Instant,
}

impl Seen {
    fn rank(&self, now: UnixMillis) -> Rank {
        rank(&self.standing.sale, now)
    }
}

impl Known {
    /// Knows what was counted up to now, and nothing else.
    pub(super) fn from_now_on() -> Self {
        Self { counted: RefCell::new(totals()), ..Self::default() }
    }

    /// Looks at the newest sales, for those that are closed; whoever looks every second sees what is closed
    /// then.
    pub(super) async fn list(&self, api: &Api, asking: &Asking) -> Result<(), StoreError> {
        let _turn = asking.listing.acquire().await;
        for standing in api.services.standings.page(None, LISTED).await? {
            self.see(api, standing).await?;
        }
        Ok(())
    }

    /// Looks at the sales and the stores, as long as it may take. What is not known by then goes on, and is
    /// known with one of the next looks.
    pub(super) async fn look(self: &Rc<Self>, api: &Data<Api>, asking: &Rc<Asking>) {
        let checking = async {
            // Who asks the same is answered the same; what is under way goes on.
            if let Ok(checked) = api.health.look().await {
                *self.checked.borrow_mut() = Some(checked);
            }
        };
        let looking = async {
            let mut asked = FuturesUnordered::new();
            for sale in self.to_look_at(api) {
                let Some(place) = asking.begin(sale).await else { continue };
                let (this, api) = (Rc::clone(self), api.clone());
                asked.push(rt::spawn(async move {
                    // What failed is asked for again with the next look.
                    let _seen = this.look_at(&api, sale).await;
                    drop(place);
                }));
            }
            while asked.next().await.is_some() {}
        };
        let _is_cut_short = timeout(LOOK_MAX, async { tokio::join!(checking, looking) }).await;
        self.forget(api);
    }

    /// The sales to look at, those first that were seen longest ago.
    fn to_look_at(&self, api: &Api) -> Vec<SaleId> {
        let calendar = api.services.catalog.calendar();
        let now = api.services.catalog.reckoned_now();
        let known = self.sales.borrow();
        let mut open: Vec<_> =
            calendar.sales.iter().filter(|it| is_shown(it.window.ends_at(), now)).collect();
        open.sort_by_key(|sale| rank(sale, now));
        let open: Vec<_> = open.into_iter().map(|sale| sale.id).take(SALES_MAX).collect();
        let is_closed = |id: &SaleId| !calendar.sales.iter().any(|sale| sale.id == *id);
        let closed: BTreeSet<_> =
            calendar.just_closed.iter().chain(known.keys()).copied().collect();
        let closed = closed.into_iter().rev().filter(is_closed).take(SALES_MAX);
        let mut sales: Vec<_> = open.iter().copied().chain(closed).collect();
        sales.sort_by_key(|id| known.get(id).map(|seen| seen.at));
        let unknown = open.into_iter().filter(|sale| !known.contains_key(sale));
        *self.unknown.borrow_mut() = unknown.collect();
        sales
    }

    async fn look_at(&self, api: &Api, sale: SaleId) -> Result<(), StoreError> {
        let standings = &api.services.standings;
        let is_listed = api.services.catalog.listed(sale).is_some();
        let known = self.sales.borrow().get(&sale).map(|seen| seen.standing);
        let standing = match known {
            // Nothing of it changes but what is sold, where a purchase is cancelled.
            Some(closed) if !is_listed && closed.sale.state == SaleState::Closed => {
                Some(standings.counted_again(&closed).await?)
            }
            _ => standings.of(sale).await?,
        };
        match standing {
            Some(standing) => self.see(api, standing).await,
            None => Ok(()),
        }
    }

    async fn see(&self, api: &Api, standing: Standing) -> Result<(), StoreError> {
        let product = match standing.sale.product {
            Some(product) => Some(api.services.catalog.products().current(product).await?),
            None => None,
        };
        let seen = Seen { standing, product, at: Instant::now() };
        self.unknown.borrow_mut().remove(&standing.sale.id);
        self.sales.borrow_mut().insert(standing.sale.id, seen);
        Ok(())
    }

    /// How many sales there are to show of which nothing is known yet.
    pub(super) fn unknown(&self) -> usize {
        self.unknown.borrow().len()
    }

    /// Forgets the sales that nobody is shown any more.
    fn forget(&self, api: &Api) {
        let now = api.services.catalog.reckoned_now();
        let mut sales = self.sales.borrow_mut();
        sales.retain(|_, seen| is_shown(seen.standing.sale.window.ends_at(), now));
        let mut last: Vec<_> =
            sales.values().map(|seen| (seen.rank(now), seen.standing.sale.id)).collect();
        last.sort_unstable();
        for (_, sale) in last.into_iter().skip(KNOWN_MAX) {
            sales.remove(&sale);
        }
    }

    /// The sales, as they are shown: those first that somebody can buy of.
    pub(super) fn sales(&self, now: UnixMillis) -> Vec<SaleBody> {
        let sales = self.sales.borrow();
        let mut seen: Vec<_> = sales.values().collect();
        seen.sort_by_key(|seen| seen.rank(now));
        let shown = seen.into_iter().take(SALES_MAX).map(|seen| {
            let standing = Standing { at: seen.standing.at.max(now), ..seen.standing };
            let age_ms = i64::try_from(seen.at.elapsed().as_millis()).unwrap_or(i64::MAX);
            SaleBody::of(&standing, seen.product.as_deref(), now + -age_ms)
        });
        shown.collect()
    }

    /// Both stores, as they are shown; none before they were looked at.
    pub(super) fn stores(&self, api: &Api, now: UnixMillis) -> Vec<StoreBody> {
        let counted = totals();
        let before = self.counted.replace(counted.clone());
        let Some(checked) = self.checked.borrow().clone() else { return Vec::new() };
        let stores = [
            ("ledger", api.names.ledger, checked.ledger, &checked.ledger_remedy),
            ("live", api.names.live, checked.live, &checked.live_remedy),
        ];
        let shown = stores.map(|(name, called, reach, remedy)| {
            let why = match (reach, remedy) {
                (Reach::Up, _) | (Reach::Refuses, None) => None,
                (_, Some(remedy)) => Some(remedy.to_string()),
                (Reach::Down, None) => Some("it does not answer".to_owned()),
            };
            let changed_at = rfc3339(self.since(name, reach, now));
            let call_ms = mean_ms(&before, &counted, called);
            StoreBody { name, state: state_of(reach), call_ms, why, changed_at }
        });
        shown.into()
    }

    fn since(&self, store: &'static str, reach: Reach, now: UnixMillis) -> UnixMillis {
        let mut known = self.since.borrow_mut();
        let (before, since) = known.entry(store).or_insert((reach, now));
        if *before != reach {
            (*before, *since) = (reach, now);
        }
        *since
    }
}

/// What the upkeep found last.
pub(super) fn upkeep(now: UnixMillis) -> (Option<DriftBody>, Option<u64>) {
    let Found { drift, sweep_lag_s } = found();
    let drift = drift.map(|(differences, at)| {
        let ago_ms = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        let units = differences.iter().map(|units| units.unsigned_abs()).max().unwrap_or_default();
        DriftBody { units, checked_at: rfc3339(now + -ago_ms) }
    });
    let lag = sweep_lag_s.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default());
    (drift, lag.map(|lag| lag.as_millis().try_into().unwrap_or(u64::MAX)))
}

/// How long a call of a store took on average, between two counts.
#[expect(clippy::cast_precision_loss, reason = "nobody reads a time so exactly")]
fn mean_ms(before: &Totals, now: &Totals, store: &str) -> Option<f64> {
    let of = |totals: &Totals| totals.store_calls.get(store).copied().unwrap_or_default();
    let ((calls_before, seconds_before), (calls, seconds)) = (of(before), of(now));
    let calls = calls.saturating_sub(calls_before);
    (calls > 0).then(|| rounded((seconds - seconds_before) * 1_000.0 / calls as f64))
}

fn is_shown(ends_at: UnixMillis, now: UnixMillis) -> bool {
    now - ends_at < ENDED_MS
}

/// By what sales are ordered.
type Rank = (u8, UnixMillis, Reverse<UnixMillis>);

/// The open ones first, then the paused, those to come by their starts, and those that have ended, the last of
/// them first.
fn rank(sale: &Sale, now: UnixMillis) -> Rank {
    let (starts_at, ends_at) = (sale.window.starts_at(), sale.window.ends_at());
    let never = UnixMillis(0);
    match sale.phase_at(now) {
        Phase::Open => (0, ends_at, Reverse(never)),
        Phase::Paused => (1, ends_at, Reverse(never)),
        Phase::Scheduled => (2, starts_at, Reverse(never)),
        Phase::Ended => (3, never, Reverse(ends_at)),
    }
}
