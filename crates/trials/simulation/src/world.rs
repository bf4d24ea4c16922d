//! What all tasks of a run share: the stores, time, randomness, and the record of what happens.

use std::sync::{
    Mutex,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

use domain::{UnixMillis, ports::Store};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    checked::Checked,
    coverage::{Coverage, Fence},
    executor::Tasks,
    fault::Fault,
    lock::lock,
    plan::Plan,
    random::Random,
    safety::Safety,
    stores::Stores,
    trace::Trace,
};

/// When a run begins by the ledger's clock: a full slot of every timetable, and far enough from
/// zero that clocks can be set back.
pub(crate) const BEGINNING: UnixMillis = UnixMillis(1_200_000);

/// The world of a run.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) tasks: Tasks,
    pub(crate) stores: Stores,
    pub(crate) safety: Mutex<Safety>,
    pub(crate) coverage: Mutex<Coverage>,
    pub(crate) trace: Trace,
    /// Requests that may have changed the ledger since it was last looked at.
    pub(crate) unlooked: AtomicUsize,
    began_at: Instant,
    caught_up_ms: AtomicU64,
    ending: Mutex<Option<Checked>>,
}

impl World {
    /// Must be called on a tokio runtime.
    pub(crate) fn new(plan: Plan, random: Random, is_traced: bool) -> Self {
        Self {
            stores: Stores::new(&plan, BEGINNING),
            plan,
            random,
            tasks: Tasks::default(),
            safety: Mutex::default(),
            coverage: Mutex::default(),
            trace: Trace::new(is_traced),
            unlooked: AtomicUsize::new(0),
            began_at: Instant::now(),
            caught_up_ms: AtomicU64::new(0),
            ending: Mutex::default(),
        }
    }

    /// Milliseconds since the run began, as no clock of it shows them.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = Instant::now().duration_since(self.began_at);
        u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
    }

    /// Moves the stores' clocks by the time that has passed.
    pub(crate) fn catch_up(&self) {
        let now_ms = self.now_ms();
        let passed_ms = now_ms - self.caught_up_ms.swap(now_ms, Ordering::Relaxed);
        self.stores.clock.advance_ms(i64::try_from(passed_ms).unwrap_or(i64::MAX));
    }

    /// Sets the ledger's clock. What was done before is looked at by the clock as it was.
    pub(crate) fn set_clock(&self, now: UnixMillis) {
        if self.unlooked.load(Ordering::Relaxed) > 0 {
            self.look(Store::Ledger);
        }
        self.stores.clock.set(now);
    }

    /// The time by a clock that nobody ever set.
    pub(crate) fn true_time(&self) -> UnixMillis {
        BEGINNING + i64::try_from(self.now_ms()).unwrap_or(i64::MAX)
    }

    /// Whether things still go wrong.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.now_ms() < self.plan.trouble_ms
    }

    /// `ms`, or less if all trouble is over before.
    pub(crate) fn while_in_trouble(&self, ms: u64) -> u64 {
        ms.min(self.plan.trouble_ms.saturating_sub(self.now_ms()))
    }

    /// Lets this many milliseconds pass.
    pub(crate) async fn pass(&self, ms: u64) {
        if ms > 0 {
            sleep(Duration::from_millis(ms)).await;
        }
    }

    /// Whether a call goes wrong that does so this often in a thousand times, for now.
    pub(crate) fn goes_wrong(&self, per_mille: u64) -> bool {
        per_mille > 0 && self.is_in_trouble() && self.random.happens(per_mille)
    }

    /// Takes note of a fault.
    pub(crate) fn met(&self, fault: Fault) {
        lock(&self.coverage).fault(fault);
    }

    /// Takes note of a fence, if something ran against one, and passes on the reply.
    pub(crate) fn fenced<T, E>(
        &self,
        reply: Result<T, E>,
        fence: impl Fn(&T) -> Option<Fence>,
    ) -> Result<T, E> {
        if let Some(fence) = reply.as_ref().ok().and_then(fence) {
            lock(&self.coverage).fence(fence);
        }
        reply
    }

    /// Looks at both stores after something was done to one of them.
    pub(crate) fn look(&self, changed: Store) {
        let checked = lock(&self.safety).look(&self.stores, changed);
        self.expect(checked);
    }

    /// Adds a line to the trace.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        self.trace.note(self.now_ms(), line);
    }

    /// Ends the run because something is true that must not be.
    pub(crate) fn breach(&self, what: String) {
        self.note(|| format!("BREACH: {what}"));
        lock(&self.ending).get_or_insert(Err(what));
    }

    /// Ends the run, if `checked` found nothing wrong.
    pub(crate) fn end(&self, checked: Checked) {
        lock(&self.ending).get_or_insert(checked);
    }

    /// Passes on what a check found.
    pub(crate) fn expect(&self, checked: Checked) {
        if let Err(what) = checked {
            self.breach(what);
        }
    }

    /// How the run ended, if it has.
    pub(crate) fn ending(&self) -> Option<Checked> {
        lock(&self.ending).clone()
    }
}
