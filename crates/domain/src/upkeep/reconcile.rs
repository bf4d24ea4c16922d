//! Comparing the live store with the ledger.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    Epoch, Failure, Sale, SaleId, StoreError, UnixMillis,
    answer::Doing,
    operator::{Action, ActionId, Answer, Order, Steering},
    ports::{LiveStatus, SaleRegister, SaleStore, Tally},
    sale::SaleState,
    upkeep::Rebuild,
};

/// How far the live store's reckoning of the time may be off, in milliseconds, before it is
/// loaded again: a sale shall open within a quarter of a second of its time.
const SKEW_MAX_MS: i64 = 200;

/// How long after its time a hold may still be on the live store, in milliseconds: the sweep has come
/// by many times.
const SWEPT_WITHIN_MS: i64 = 5_000;

/// What the trail calls the service where it acts of itself.
const BY: &str = "flashsale";

/// Compares what the live store serves with the ledger and has it rebuilt where they differ
/// for good. Never invents a record.
///
/// Under load the two always differ a little, because a grant is on the live store first and a
/// verdict is in the ledger first. A difference lasts when it is there twice and nothing
/// moved in between; what is held here and sold or free there evens out when the hold is due, and
/// lasts when it is still there after that: a request with a key whose client went away has such a
/// hold, for whoever asks again. Clocks that are apart twice are apart, whatever moves.
///
/// A ledger that knows of fewer sold units than the live store, at one epoch, has lost purchases: it was restored
/// from a backup, say, since each is in the ledger before the live store hears of it. Their units would be sold again, so the
/// sale is paused until an operator lets it go on. The trail says why.
///
/// A ledger that has moved to another server may lack the last of what the live store was told, so
/// each sale is then loaded once, at an epoch that is raised as ever: one that the ledger never
/// issued is not passed by. By one process: the others find that it was raised since.
pub struct Reconcile {
    register: Arc<dyn SaleRegister>,
    sales: Arc<dyn SaleStore>,
    rebuild: Arc<Rebuild>,
    steering: Steering,
    last: Mutex<HashMap<SaleId, Seen>>,
    /// How often the ledger had moved when a sale was looked at first, or was loaded for it.
    moves: Mutex<HashMap<SaleId, u64>>,
}

/// How far the live store is from the ledger: live store minus ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drift {
    /// Units that can be had.
    pub free: i64,
    /// Units on hold.
    pub held: i64,
    /// Units sold.
    pub sold: i64,
    /// Milliseconds.
    pub clock_ms: i64,
}

impl Drift {
    /// Whether nothing is amiss: clocks that are read one after the other are never quite the same.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        let Self { free, held, sold, clock_ms } = *self;
        free == 0 && held == 0 && sold == 0 && clock_ms.unsigned_abs() <= SKEW_MAX_MS.unsigned_abs()
    }

    /// Whether it is of holds that the live store has and the ledger has not: each comes to be judged.
    const fn is_of_holds(&self) -> bool {
        self.free < 0 && self.sold <= 0
    }

    /// How long it may be there while nothing moves, in milliseconds.
    const fn may_last_ms(&self, sale: &Sale) -> i64 {
        if self.is_of_holds() { sale.terms.hold_ms() + SWEPT_WITHIN_MS } else { 0 }
    }
}

/// What a comparison led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconciled {
    /// The live store does not serve the sale, or there is no such sale.
    NotLoaded,
    /// The drift is none, or may pass by itself.
    Left(Drift),
    /// The live store was out of date and was rebuilt.
    Rebuilt(Drift),
    /// The ledger has lost what is sold here beyond what it knows of, and the sale is paused for it.
    Stopped(Drift),
}

/// One look at both stores, without what changes by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    epochs: (Epoch, Epoch),
    live: (u32, u32, u32),
    /// Without it, what came and went would look like stillness.
    changes: u64,
    ledger: (u32, u32),
    off_time: bool,
}

/// What is seen, and since when, by the ledger's clock.
#[derive(Clone, Copy)]
struct Seen {
    look: Look,
    since: UnixMillis,
}

impl Reconcile {
    /// A reconciliation of these stores.
    pub fn new(
        register: Arc<dyn SaleRegister>,
        sales: Arc<dyn SaleStore>,
        rebuild: Arc<Rebuild>,
        steering: Steering,
    ) -> Self {
        let (last, moves) = (Mutex::default(), Mutex::default());
        Self { register, sales, rebuild, steering, last, moves }
    }

    /// Looks at one sale, as the ledger has it.
    ///
    /// # Errors
    ///
    /// [`Failure::Rebuilding`] also when the live store serves an epoch the ledger never
    /// issued: then the ledger has lost data, and the drift is not repaired.
    pub async fn run(&self, sale: &Sale) -> Result<Reconciled, StoreError> {
        let Some(live) = self.sales.status(sale.id).await? else {
            return Ok(Reconciled::NotLoaded);
        };
        let Some(ledger) = self.register.tally(sale.id).await? else {
            return Ok(Reconciled::NotLoaded);
        };
        if live.epoch > ledger.epoch {
            let reason = format!(
                "the live store serves epoch {} of sale {id}, but the ledger is at {}: the ledger \
                 has lost data; `flashsale sales accept-restore {id}` accepts it as it is",
                live.epoch,
                ledger.epoch,
                id = sale.id
            );
            return Err(StoreError::new(
                Doing::step("Reconcile::run"),
                Failure::Rebuilding,
                reason,
            ));
        }
        // A sale that was changed since the catalog was refreshed is served as it is by now.
        let changed = self.as_changed(sale, &live).await?;
        let sale = changed.as_ref().unwrap_or(sale);
        let mut drift = drift(sale, &live, &ledger);
        if drift.clock_ms < -SKEW_MAX_MS
            && let Some(later) = self.sales.status(sale.id).await?
        {
            // Perhaps only the ledger's answer was slow: what it says lies between two looks.
            drift.clock_ms = (later.now - ledger.now).min(0);
        }
        let (lasts_ms, is_off_time) =
            self.compare(sale.id, look(&live, &ledger, drift), ledger.now);
        let is_useless = lasts_ms.is_some_and(|lasts_ms| {
            // Behind by an epoch, because a rebuilder died before it loaded, it sells nothing.
            live.epoch < ledger.epoch || drift.free != 0 && lasts_ms >= drift.may_last_ms(sale)
        });
        let has_moved = self.has_moved(sale.id, &ledger);
        if !has_moved && drift.sold > 0 && self.stop(sale, live.epoch, drift.sold).await? {
            return Ok(Reconciled::Stopped(drift));
        }
        if has_moved
            || serves_other_terms(&live, sale)
            || breaks_itself(&live, sale)
            || is_off_time
            || is_useless
        {
            self.rebuild.restore(sale.id, Some(live.epoch)).await?;
            lock(&self.last).remove(&sale.id);
            lock(&self.moves).insert(sale.id, ledger.moves);
            return Ok(Reconciled::Rebuilt(drift));
        }
        Ok(Reconciled::Left(drift))
    }

    /// Pauses a sale of which so many purchases are lost. Says whether that has come about: not if it is over, or paused
    /// already by somebody, who lets it go on knowing of whatever it was.
    async fn stop(&self, sale: &Sale, epoch: Epoch, lost: i64) -> Result<bool, StoreError> {
        let Some(order) = stop_for(sale.id, epoch, lost) else { return Ok(false) };
        let answer = self.steering.act(&order).await?;
        // Whoever else has found it out has given the same order.
        Ok(matches!(answer, Answer::Done { is_replayed: false, .. }))
    }

    /// The sale as the ledger has it now, if it is not served as it was when it was listed.
    async fn as_changed(&self, sale: &Sale, live: &LiveStatus) -> Result<Option<Sale>, StoreError> {
        if live.epoch <= sale.epoch
            || !(serves_other_terms(live, sale) || breaks_itself(live, sale))
        {
            return Ok(None);
        }
        Ok(self.register.find(sale.id).await?.map(|listed| listed.sale))
    }

    /// Whether this process has looked at the sale, and so would notice that the ledger has moved since.
    #[must_use]
    pub fn knows(&self, sale: SaleId) -> bool {
        lock(&self.moves).contains_key(&sale)
    }

    /// Leaves the sale to another process, which looks at it now. A difference that lasts is one that is there
    /// twice for whoever looks; what was seen before is too old for that.
    pub fn leave(&self, sale: SaleId) {
        lock(&self.last).remove(&sale);
    }

    /// Forgets the sales that are not among `current`.
    pub fn keep_only(&self, current: &[Sale]) {
        lock(&self.last).retain(|id, _| current.iter().any(|sale| sale.id == *id));
        lock(&self.moves).retain(|id, _| current.iter().any(|sale| sale.id == *id));
    }

    /// Whether the ledger has moved since the sale was loaded for that, or was looked at first, and
    /// nobody has loaded it from where the ledger is now.
    fn has_moved(&self, sale: SaleId, ledger: &Tally) -> bool {
        let mut known = lock(&self.moves);
        let moves = known.entry(sale).or_insert(ledger.moves);
        if ledger.is_epoch_of_server {
            // A load of that epoch that never came is noticed by the live store's, which is behind.
            *moves = ledger.moves;
        }
        *moves != ledger.moves
    }

    /// For how long both stores have looked as they do, if they did the last time; and whether the
    /// clocks are apart for the second time, however much else moved.
    fn compare(&self, sale: SaleId, look: Look, now: UnixMillis) -> (Option<i64>, bool) {
        let mut last = lock(&self.last);
        let before = last.get(&sale).copied();
        let unmoved = before.filter(|before| before.look == look);
        last.insert(sale, unmoved.unwrap_or(Seen { look, since: now }));
        let off_time = look.off_time && before.is_some_and(|before| before.look.off_time);
        (unmoved.map(|seen| now - seen.since), off_time)
    }
}

/// The order of the service itself, the same in every process.
fn stop_for(sale: SaleId, epoch: Epoch, lost: i64) -> Option<Order> {
    let why = format!(
        "purchases lost: {lost}; the ledger was restored, or goes on without its last answers"
    );
    Some(Order {
        id: ActionId::of_loss(sale, epoch),
        by: BY.parse().ok()?,
        why: Some(why.parse().ok()?),
        request_id: None,
        action: Action::PauseSale(sale),
        if_at: None,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How far apart both are. Units are compared at one epoch, and against the stock of that: what is served before a
/// change has been loaded, or was listed before it, is as it should be.
fn drift(sale: &Sale, live: &LiveStatus, ledger: &Tally) -> Drift {
    if live.epoch != ledger.epoch {
        return Drift { clock_ms: live.now - ledger.now, ..Drift::default() };
    }
    let of_epoch = live.terms.filter(|_| live.epoch != sale.epoch);
    let stock = i64::from(of_epoch.unwrap_or(sale.terms).stock());
    let (held, sold) = (i64::from(ledger.held), i64::from(ledger.sold));
    Drift {
        free: i64::from(live.free) - (stock - held - sold),
        held: i64::from(live.held) - held,
        sold: i64::from(live.sold) - sold,
        clock_ms: live.now - ledger.now,
    }
}

fn look(live: &LiveStatus, ledger: &Tally, drift: Drift) -> Look {
    Look {
        epochs: (live.epoch, ledger.epoch),
        live: (live.free, live.held, live.sold),
        changes: live.changes,
        ledger: (ledger.held, ledger.sold),
        off_time: drift.clock_ms.abs() > SKEW_MAX_MS,
    }
}

/// Whether the live store contradicts itself: each unit is free, held or sold.
fn breaks_itself(live: &LiveStatus, sale: &Sale) -> bool {
    let counted = [live.free, live.held, live.sold].into_iter().map(u64::from).sum::<u64>();
    counted != u64::from(sale.terms.stock())
}

/// Whether the live store serves terms the ledger has changed since, or never had.
fn serves_other_terms(live: &LiveStatus, sale: &Sale) -> bool {
    live.terms != Some(sale.terms)
        || live.window != Some(sale.window)
        || live.paused != (sale.state == SaleState::Paused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, Terms, Window};

    fn sale(stock: u32) -> Sale {
        Sale {
            id: SaleId::try_from(1).unwrap(),
            window: Window::new(UnixMillis(0), UnixMillis(1)).unwrap(),
            terms: Terms::new(stock, 1, 1).unwrap(),
            origin: Origin::Timetable,
            product: None,
            state: SaleState::Active,
            epoch: Epoch(1),
            salt: crate::Salt::new([7; 32]),
        }
    }

    fn status(free: u32, held: u32, sold: u32) -> LiveStatus {
        let Sale { window, terms, epoch, .. } = sale(5);
        LiveStatus {
            epoch,
            now: UnixMillis(0),
            window: Some(window),
            terms: Some(terms),
            paused: false,
            free,
            held,
            sold,
            changes: 0,
        }
    }

    #[test]
    fn counters_beyond_all_reason_are_a_contradiction() {
        assert!(!breaks_itself(&status(3, 1, 1), &sale(5)));
        assert!(breaks_itself(&status(3, 1, u32::MAX), &sale(5)));
        // These come round to the stock where 32 bits are all there are.
        assert!(breaks_itself(&status(u32::MAX, 3, 3), &sale(5)));
    }

    #[test]
    fn terms_that_no_sale_can_have_are_other_terms() {
        let served = status(3, 1, 1);

        assert!(!serves_other_terms(&served, &sale(5)));
        assert!(serves_other_terms(&served, &sale(6)));
        assert!(serves_other_terms(&LiveStatus { terms: None, ..served }, &sale(5)));
        assert!(serves_other_terms(&LiveStatus { window: None, ..served }, &sale(5)));
    }
}
