//! When each upkeep step runs. [`Scheduler::tick`] does once what is due; [`Scheduler::run`]
//! repeats it.
//!
//! Any number of processes run one each: every step is safe to run anywhere, at any moment, and to be
//! stopped half-way. What they share out is only whose turn it is, so that they do no more together than one
//! would; where that cannot be said each does all. Cadence comes from this process's
//! monotonic clock; *when* something is due is for the stores to say.

mod beats;
mod contest;
mod failing;
mod figures;
mod minutes;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{
    Sale, SaleId, StoreError, UnixMillis,
    ports::Duty,
    steady::{BELIEVED_AFTER_MS, ClockNews},
    upkeep::{Drift, LOAD_AHEAD_MS, Rebuilt, Reconciled, Restored, Shares, Sweep, Swept, Upkeep},
};
use futures_util::{StreamExt, stream};
use telemetry::{Event, Watch, happened, step_ended};
use tokio::time::{Instant, MissedTickBehavior, interval};

pub use self::{
    beats::{BEAT, Beats},
    minutes::{HISTORY_EVERY, Minutes},
};
use self::{
    contest::Loads,
    failing::Failing,
    figures::{Lags, Left},
};

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

/// How much longer than until it wants it again a process has a turn, so that it keeps it, also if its ticks take
/// long: what it remembers of a sale is good as long as nobody else looks.
const KEPT_FOR: Duration = Duration::from_secs(4);

/// How many abandoned codes are given back at a time: enough for the ledger to commit many at once.
const CODES_AT_A_TIME: usize = 64;

/// How many sales are looked at at a time: the stores answer those that are asked for together in one call.
/// How many of them are judged or loaded at a time, the steps themselves bound.
const SALES_AT_A_TIME: usize = 128;

/// A clock that shows the time of day.
pub type WallClock = Arc<dyn Fn() -> UnixMillis + Send + Sync>;

/// What says that whoever calls it goes on.
pub type SignOfLife = Arc<dyn Fn() + Send + Sync>;

/// Runs the upkeep of one process.
pub struct Scheduler {
    upkeep: Upkeep,
    shares: Shares,
    due: Mutex<Due>,
    failing: Failing,
    loads: Loads,
    lags: Lags,
    wall_clock: Option<WallClock>,
    sign: Option<SignOfLife>,
}

/// When each step that is not for every tick runs next.
struct Due {
    rotate: Instant,
    reconcile: Instant,
    retire: Instant,
    overdue: Instant,
}

impl Scheduler {
    /// A scheduler that finds every step due at its first tick, and shares nothing with others.
    #[must_use]
    pub fn new(upkeep: Upkeep) -> Self {
        let now = Instant::now();
        let due = Due { rotate: now, reconcile: now, retire: now, overdue: now };
        let (due, failing) = (Mutex::new(due), Failing::default());
        let (loads, lags) = (Loads::default(), Lags::default());
        let shares = Shares::alone();
        Self { upkeep, shares, due, failing, loads, lags, wall_clock: None, sign: None }
    }

    /// The same, which has this part in the upkeep.
    #[must_use]
    pub fn with_shares(self, shares: Shares) -> Self {
        Self { shares, ..self }
    }

    /// The same, which also shows how far this clock is from the ledger's. Nothing depends on it.
    #[must_use]
    pub fn with_wall_clock(self, wall_clock: WallClock) -> Self {
        Self { wall_clock: Some(wall_clock), ..self }
    }

    /// The same, which gives a sign of life with each tick and with each step that has ended. A step has an
    /// end, for each wait for a store has one; one that has none is not waited for any more by whoever misses
    /// the sign.
    #[must_use]
    pub fn with_sign(self, sign: SignOfLife) -> Self {
        Self { sign: Some(sign), ..self }
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
        self.give_sign();
        if self.is_due(ROTATE_EVERY, |due| &mut due.rotate) {
            self.rotate().await;
        }
        self.rebuild().await;
        self.reclaim().await;
        let sales = self.sales_at_hand();
        self.failing.keep_only(&sales);
        self.sweep(&sales).await;
        // A hold that was ended stays so, and what is served goes by the clock as it was when it was
        // loaded.
        let is_on_time = self.upkeep.catalog.is_on_time();
        if is_on_time && self.is_due(OVERDUE_EVERY, |due| &mut due.overdue) {
            self.expire_overdue(&sales).await;
        }
        if is_on_time && self.is_due(RECONCILE_EVERY, |due| &mut due.reconcile) {
            self.upkeep.reconcile.keep_only(&sales);
            self.shares.keep_only(&sales);
            let compared = stream::iter(sales).map(|sale| self.reconcile(sale));
            let drifts: Vec<_> = compared.buffer_unordered(SALES_AT_A_TIME).collect().await;
            figures::show_drifts(drifts.into_iter().flatten());
        }
        if self.is_due(RETIRE_EVERY, |due| &mut due.retire) {
            self.retire().await;
        }
    }

    /// The sales that are to be served: all that are not closed, but those still far ahead.
    fn sales_at_hand(&self) -> Vec<Sale> {
        let calendar = self.upkeep.catalog.calendar();
        let horizon = calendar.now + LOAD_AHEAD_MS;
        calendar.sales.iter().filter(|sale| sale.window.starts_at() <= horizon).copied().collect()
    }

    async fn rotate(&self) {
        let earliest = self.wall_clock.as_ref().map(|now| now());
        let rotated = self.step("rotate", None, self.upkeep.rotate.run()).await;
        if let Some(news) = self.upkeep.catalog.clock_news() {
            log_clock(news);
        }
        for &sale in rotated.iter().flatten() {
            happened(Event::SaleMade, 1);
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
        if let (Some(earliest), Some(now), Some(_)) = (earliest, &self.wall_clock, rotated) {
            figures::show_process_clock(earliest, self.upkeep.catalog.calendar().now, now());
        }
    }

    /// Has what was asked for rebuilt, and tells what requests had to load themselves.
    async fn rebuild(&self) {
        let rebuilt = self.step("rebuild", None, self.upkeep.rebuild.run_asked()).await;
        let Rebuilt { out_of_date, ordered } = rebuilt.unwrap_or_default();
        for sale in out_of_date {
            happened(Event::SaleRebuilt, 1);
            tracing::warn!(%sale, "rebuilt a sale whose live store was out of date");
            self.loaded_anew(sale);
        }
        // As many as there are orders, and none is a sign of anything.
        for sale in ordered {
            happened(Event::SaleRebuilt, 1);
            tracing::info!(%sale, "loaded a sale anew, of which a purchase was cancelled");
        }
        for (sale, times) in self.upkeep.rebuild.take_on_demand() {
            happened(Event::SaleLoadedByRequest, times);
            tracing::warn!(%sale, times, "a request found a sale lost, and loaded it");
        }
    }

    /// Gives back what was abandoned. Where a store fails the rest is left to the sweep: it may be
    /// thousands, and the sales are not to wait for them.
    async fn reclaim(&self) {
        let codes = stream::iter(self.upkeep.reclaim.take());
        let given_back =
            codes.map(|code| self.step("reclaim", None, self.upkeep.reclaim.give_back(code)));
        let mut given_back = given_back.buffer_unordered(CODES_AT_A_TIME);
        while let Some(Some(())) = given_back.next().await {}
    }

    async fn sweep(&self, sales: &[Sale]) {
        let began = Instant::now();
        let swept = stream::iter(sales.to_vec()).map(|sale| self.sweep_one(sale));
        let swept: Vec<_> = swept.buffer_unordered(SALES_AT_A_TIME).collect().await;
        self.lags.note(began, swept);
    }

    /// Says of the sale how it is left.
    async fn sweep_one(&self, sale: Sale) -> (SaleId, Left) {
        // A load by a clock that is wrong would call holds due that are not.
        let swept = if self.upkeep.catalog.is_on_time() {
            let sweep = self.upkeep.sweep.run_in_turn(sale.id, &self.shares);
            let is_ours = |swept: &Swept| !matches!(swept, Swept::Others(_));
            let swept = self.step_of("sweep", Some(sale.id), sweep, is_ours).await;
            if swept.is_none() {
                self.shares.note_failed(Duty::Sweep, sale.id);
            }
            swept
        } else {
            Some(Swept::NotLoaded)
        };
        if let Some(Swept::Judged(holds)) = swept {
            happened(Event::HoldJudged, holds);
        }
        if swept == Some(Swept::NotLoaded) {
            let restored = self.upkeep.rebuild.restore(sale.id, None);
            let restored = self.step("load", Some(sale.id), restored).await;
            if restored == Some(Restored::Loaded) {
                happened(Event::SaleLoaded, 1);
                tracing::info!(sale = %sale.id, "the live store serves a sale");
            }
        }
        let left = match swept {
            Some(Swept::Judged(codes)) if codes < Sweep::CODES_MAX => Left::Clean,
            Some(Swept::Others(code)) => Left::ToOthers(code),
            _ => Left::Due,
        };
        (sale.id, left)
    }

    /// Expires what the live store forgot of the sales whose turn is this process's.
    async fn expire_overdue(&self, sales: &[Sale]) {
        let for_ms = turn_ms(OVERDUE_EVERY);
        let asked = stream::iter(sales.to_vec()).map(async |sale| {
            self.shares.take(Duty::Expire, sale.id, for_ms).await.then_some(sale)
        });
        let asked: Vec<_> = asked.buffer_unordered(SALES_AT_A_TIME).collect().await;
        let ours: Vec<_> = asked.into_iter().flatten().collect();
        if ours.is_empty() {
            return self.failing.forget("expire_overdue", None);
        }
        let expired = self.step("expire_overdue", None, self.upkeep.sweep.run_overdue(&ours)).await;
        match expired {
            Some(0) => {}
            Some(holds) => {
                happened(Event::HoldExpiredOverdue, holds);
                tracing::info!(holds, "expired holds that the live store had forgotten");
            }
            None => ours.iter().for_each(|sale| self.shares.note_failed(Duty::Expire, sale.id)),
        }
    }

    async fn retire(&self) {
        let retire = self.upkeep.retire.run_in_turn(&self.shares);
        let retired = self.step_of("retire", None, retire, |retired| !retired.is_left).await;
        for sale in retired.unwrap_or_default().closed {
            happened(Event::SaleClosed, 1);
            tracing::info!(%sale, "closed a sale");
        }
    }

    /// Says how far apart the stores were, if both have the sale: not at all, where another process looks.
    async fn reconcile(&self, sale: Sale) -> Option<Drift> {
        let is_ours = self.shares.take(Duty::Reconcile, sale.id, turn_ms(RECONCILE_EVERY)).await;
        if !is_ours {
            self.upkeep.reconcile.leave(sale.id);
            // Each looks once, so that it would notice that the ledger has moved since, if it came to look.
            if self.upkeep.reconcile.knows(sale.id) {
                self.failing.forget("reconcile", Some(sale.id));
                return Some(Drift::default());
            }
        }
        let reconciled =
            self.step("reconcile", Some(sale.id), self.upkeep.reconcile.run(&sale)).await;
        if reconciled.is_none() {
            self.shares.note_failed(Duty::Reconcile, sale.id);
        }
        let drift = match reconciled? {
            Reconciled::NotLoaded => return None,
            Reconciled::Left(drift) => return Some(drift),
            Reconciled::Rebuilt(drift) => drift,
            Reconciled::Stopped(drift) => {
                log_loss(sale.id, drift.sold);
                return Some(drift);
            }
        };
        happened(Event::SaleRebuilt, 1);
        self.loaded_anew(sale.id);
        let Drift { free, held, sold, clock_ms } = drift;
        if drift.is_none() {
            tracing::info!(sale = %sale.id, "loaded a sale anew, whose terms or epoch had changed");
        } else {
            happened(Event::SaleDrifted, 1);
            tracing::warn!(
                sale = %sale.id, free, held, sold, clock_ms,
                "the live store had drifted and was rebuilt"
            );
        }
        Some(drift)
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

    fn give_sign(&self) {
        if let Some(sign) = &self.sign {
            sign();
        }
    }

    /// Runs a step, of one sale if there is one, and times it.
    async fn step<T>(
        &self,
        name: &'static str,
        sale: Option<SaleId>,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        let began = Watch::start();
        let result = work.await;
        self.ended(name, sale, began, result)
    }

    /// The same of one that may be left to others: then it says nothing of whether the step works.
    async fn step_of<T>(
        &self,
        name: &'static str,
        sale: Option<SaleId>,
        work: impl Future<Output = Result<T, StoreError>>,
        is_ours: impl FnOnce(&T) -> bool,
    ) -> Option<T> {
        let began = Watch::start();
        match work.await {
            Ok(left) if !is_ours(&left) => {
                self.give_sign();
                self.failing.forget(name, sale);
                Some(left)
            }
            result => self.ended(name, sale, began, result),
        }
    }

    fn ended<T>(
        &self,
        name: &'static str,
        sale: Option<SaleId>,
        began: Watch,
        result: Result<T, StoreError>,
    ) -> Option<T> {
        step_ended(name, began, result.is_ok());
        self.give_sign();
        self.failing.note(name, sale, result)
    }
}

/// For how long a process has a turn that it wants again after so long, in milliseconds.
fn turn_ms(every: Duration) -> u64 {
    (every + KEPT_FOR).as_millis().try_into().unwrap_or(u64::MAX)
}

/// Says that purchases are lost, and what to do.
fn log_loss(sale: SaleId, lost: i64) {
    happened(Event::AnswerLost, usize::try_from(lost).unwrap_or(usize::MAX));
    tracing::error!(
        %sale, lost,
        "the ledger has lost purchases that the live store knows of: it was restored, or goes on without its \
         last answers; the sale is paused until an operator lets it go on: look with `flashsale audit`, \
         then `flashsale sales resume`"
    );
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
