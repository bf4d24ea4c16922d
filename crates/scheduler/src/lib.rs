//! When each upkeep step runs. [`Scheduler::tick`] does once what is due; [`Scheduler::run`]
//! repeats it.
//!
//! Any number of processes run one each, with nothing to coordinate: every step is safe to
//! run anywhere, at any moment, and to be stopped half-way. Cadence comes from this process's
//! monotonic clock; *when* something is due is for the stores to say.

mod contest;

use std::{
    collections::BTreeSet,
    error::Error,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use domain::{
    Sale, SaleId, StoreError, UnixMillis,
    steady::{BELIEVED_AFTER_MS, ClockNews},
    upkeep::{Drift, LOAD_AHEAD_MS, Reconciled, Restored, Swept, Upkeep},
};
use futures_util::{StreamExt, stream};
use telemetry::{Watch, happened, step_ended};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::contest::Loads;

/// How often due holds are swept and lost sales noticed.
pub const TICK: Duration = Duration::from_millis(250);

/// How often the timetable is looked at and the catalog refreshed.
pub const ROTATE_EVERY: Duration = Duration::from_secs(1);

/// How often the live store is compared with the ledger.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(2);

/// How often sales that are over are closed.
pub const RETIRE_EVERY: Duration = Duration::from_secs(1);

/// How often the ledger is asked for holds that the live store forgot.
pub const OVERDUE_EVERY: Duration = Duration::from_secs(5);

/// How many abandoned codes are given back at a time: enough for the ledger to commit many at once.
const CODES_AT_A_TIME: usize = 64;

/// How many sales are attended to at a time.
const SALES_AT_A_TIME: usize = 4;

/// Runs the upkeep of one process.
pub struct Scheduler {
    upkeep: Upkeep,
    due: Mutex<Due>,
    failing: Mutex<BTreeSet<&'static str>>,
    loads: Loads,
}

/// When each step that is not for every tick runs next.
struct Due {
    rotate: Instant,
    reconcile: Instant,
    retire: Instant,
    overdue: Instant,
}

impl Scheduler {
    /// A scheduler that finds every step due at its first tick.
    #[must_use]
    pub fn new(upkeep: Upkeep) -> Self {
        let now = Instant::now();
        let due = Due { rotate: now, reconcile: now, retire: now, overdue: now };
        Self { upkeep, due: Mutex::new(due), failing: Mutex::default(), loads: Loads::default() }
    }

    /// Ticks until `stop` is done. A tick under way is finished first.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                biased;
                () = &mut stop => return,
                _ = ticks.tick() => self.tick().await,
            }
        }
    }

    /// Does once whatever is due. A step that fails is logged and done again when it is next
    /// due; it does not keep the others from running.
    pub async fn tick(&self) {
        if self.is_due(ROTATE_EVERY, |due| &mut due.rotate) {
            self.rotate().await;
        }
        let rebuilt = self.step("rebuild", self.upkeep.rebuild.run_asked()).await;
        for sale in rebuilt.into_iter().flatten() {
            happened("sale_rebuilt", 1);
            tracing::warn!(%sale, "rebuilt a sale whose live store was out of date");
            self.loaded_anew(sale);
        }
        stream::iter(self.upkeep.reclaim.take())
            .for_each_concurrent(CODES_AT_A_TIME, |code| async move {
                self.step("reclaim", self.upkeep.reclaim.give_back(code)).await;
            })
            .await;
        let sales = self.sales_at_hand();
        stream::iter(&sales).for_each_concurrent(SALES_AT_A_TIME, |sale| self.sweep(sale)).await;
        // A hold that was ended stays so, and what is served goes by the clock as it was.
        let is_on_time = self.upkeep.catalog.is_on_time();
        if is_on_time && self.is_due(OVERDUE_EVERY, |due| &mut due.overdue) {
            let expired = self.step("expire_overdue", self.upkeep.sweep.run_overdue()).await;
            if let Some(holds @ 1..) = expired {
                happened("hold_expired_overdue", holds);
                tracing::info!(holds, "expired holds that the live store had forgotten");
            }
        }
        if is_on_time && self.is_due(RECONCILE_EVERY, |due| &mut due.reconcile) {
            self.upkeep.reconcile.keep_only(&sales);
            stream::iter(&sales)
                .for_each_concurrent(SALES_AT_A_TIME, |sale| self.reconcile(sale))
                .await;
        }
        if self.is_due(RETIRE_EVERY, |due| &mut due.retire) {
            let closed = self.step("retire", self.upkeep.retire.run()).await;
            for sale in closed.into_iter().flatten() {
                happened("sale_closed", 1);
                tracing::info!(%sale, "closed a sale");
            }
        }
    }

    async fn rotate(&self) {
        let rotated = self.step("rotate", self.upkeep.rotate.run()).await;
        if let Some(news) = self.upkeep.catalog.clock_news() {
            log_clock(news);
        }
        for sale in rotated.into_iter().flatten() {
            happened("sale_made", 1);
            tracing::info!(sale = %sale.id, starts_at_ms = sale.window.starts_at().0, "made a sale");
        }
        for gap in self.upkeep.rotate.new_gaps() {
            let (from, until) = (readable(gap.starts_at()), readable(gap.ends_at()));
            tracing::warn!(
                "no sale of the timetable is on from {from} to {until}: SALE_PERIOD was another when \
                 the sale beside it was made, and no two of them overlap; `flashsale sales schedule` \
                 makes one by hand"
            );
        }
    }

    /// The sales that are to be served: all that are not closed, but those still far ahead.
    fn sales_at_hand(&self) -> Vec<Sale> {
        let calendar = self.upkeep.catalog.calendar();
        let horizon = calendar.now + LOAD_AHEAD_MS;
        calendar.sales.iter().filter(|sale| sale.window.starts_at() <= horizon).copied().collect()
    }

    async fn sweep(&self, sale: &Sale) {
        let swept = self.step("sweep", self.upkeep.sweep.run(sale.id)).await;
        if let Some(Swept::Judged(holds)) = swept {
            happened("hold_judged", holds);
        }
        if swept == Some(Swept::NotLoaded) {
            let restored = self.step("load", self.upkeep.rebuild.restore(sale.id, None)).await;
            if restored == Some(Restored::Loaded) {
                happened("sale_loaded", 1);
                tracing::info!(sale = %sale.id, "the live store serves a sale");
            }
        }
    }

    async fn reconcile(&self, sale: &Sale) {
        let reconciled = self.step("reconcile", self.upkeep.reconcile.run(sale)).await;
        if let Some(Reconciled::Rebuilt(drift)) = reconciled {
            happened("sale_rebuilt", 1);
            self.loaded_anew(sale.id);
            let Drift { free, held, sold, clock_ms } = drift;
            if drift == Drift::default() {
                tracing::info!(sale = %sale.id, "loaded a sale anew, whose terms or epoch had changed");
            } else {
                tracing::warn!(
                    sale = %sale.id, free, held, sold, clock_ms,
                    "the live store had drifted and was rebuilt"
                );
            }
        }
    }

    fn loaded_anew(&self, sale: SaleId) {
        if self.loads.note(sale) {
            tracing::warn!(
                %sale,
                "a sale is loaded again and again: if the live store is not lost as often, another \
                 process serves from the same ledger with another one, and each stops the other; \
                 REDIS_URL must be the same for all"
            );
        }
    }

    fn is_due(&self, every: Duration, step: impl Fn(&mut Due) -> &mut Instant) -> bool {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let next = step(&mut due);
        let now = Instant::now();
        let is_due = now >= *next;
        if is_due {
            *next = now + every;
        }
        is_due
    }

    /// Runs a step, and times it.
    async fn step<T>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        let began = Watch::start();
        let result = work.await;
        step_ended(name, began, result.is_ok());
        self.noted(name, result)
    }

    /// Logs a step's first failure and its first success after one: a database that is down
    /// is one line, not four a second.
    fn noted<T>(&self, step: &'static str, result: Result<T, StoreError>) -> Option<T> {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(value) => {
                if failing.remove(step) {
                    tracing::info!(step, "works again");
                }
                Some(value)
            }
            Err(error) => {
                if failing.insert(step) {
                    tracing::warn!(step, error = &error as &dyn Error, "failing; trying on");
                }
                None
            }
        }
    }
}

/// A moment, for people.
fn readable(moment: UnixMillis) -> String {
    let timestamp = jiff::Timestamp::from_millisecond(moment.0);
    timestamp.map_or_else(|_| moment.0.to_string(), |timestamp| timestamp.to_string())
}

/// Says that the ledger's clock was set.
fn log_clock(news: ClockNews) {
    let believed_after_s = BELIEVED_AFTER_MS / 1_000;
    match news {
        ClockNews::Jumped(by_ms) => tracing::warn!(
            by_ms,
            "the ledger's clock has jumped: no sale is made or closed and no hold is ended by it until \
             it is back, or has stood there for {believed_after_s} s"
        ),
        ClockNews::Back => tracing::info!("the ledger's clock is back"),
        ClockNews::Believed(by_ms) => tracing::warn!(
            by_ms,
            "the ledger's clock has stood for {believed_after_s} s where it jumped to, and is believed"
        ),
    }
}
