//! What all tasks of a run share.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

use domain::UnixMillis;
use fakes::{FakeLedger, FakeLive, LiveCopy, ManualClock};
use tokio::time::{Duration, Instant, sleep};

use crate::{
    coverage::{Coverage, Fence},
    dice::Dice,
    embedded_ledger::EmbeddedLedger,
    executor::Tasks,
    ledger::Ledger,
    lock,
    mishap::Mishap,
    network::Network,
    plan::{Plan, Stack},
    process::Process,
    trace::Trace,
    witness::Witness,
};

/// When a run begins by the ledger's clock: a full slot of every timetable, and far enough from
/// zero that clocks can be set back.
pub(crate) const BEGINNING: UnixMillis = UnixMillis(1_200_000);

/// The world of a run.
pub(crate) struct Stage {
    pub(crate) plan: Plan,
    pub(crate) dice: Dice,
    pub(crate) tasks: Tasks,
    pub(crate) live: Arc<FakeLive>,
    pub(crate) ledger: Arc<dyn Ledger>,
    /// The ledger's clock. The live side's is off by a skew of its own.
    pub(crate) clock: ManualClock,
    pub(crate) network: Mutex<Network>,
    pub(crate) witness: Mutex<Witness>,
    pub(crate) coverage: Mutex<Coverage>,
    pub(crate) trace: Trace,
    /// The processes that are up, by their places; one that died leaves its place empty.
    pub(crate) seats: Mutex<Vec<Option<Arc<Process>>>>,
    /// What the live side was once.
    pub(crate) copies: Mutex<Vec<LiveCopy>>,
    began_at: Instant,
    caught_up_ms: AtomicU64,
    ending: Mutex<Option<Result<(), String>>>,
}

impl Stage {
    pub(crate) fn new(plan: Plan, dice: Dice, is_traced: bool) -> Self {
        let clock = ManualClock::new(BEGINNING);
        let live = Arc::new(FakeLive::new(clock.clone()));
        let ledger: Arc<dyn Ledger> = match plan.stack {
            Stack::Servers => {
                let ledger = FakeLedger::new(clock.clone());
                ledger.set_permits(plan.permits);
                Arc::new(ledger)
            }
            Stack::Embedded => {
                let ledger = EmbeddedLedger::new(clock.clone(), plan.permits);
                Arc::new(ledger.expect("a ledger in memory can be made"))
            }
        };
        let seats = vec![None; plan.processes];
        Self {
            plan,
            dice,
            tasks: Tasks::default(),
            copies: Mutex::new(vec![live.copy()]),
            live,
            ledger,
            clock,
            network: Mutex::default(),
            witness: Mutex::default(),
            coverage: Mutex::default(),
            trace: Trace::new(is_traced),
            seats: Mutex::new(seats),
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
        self.clock.advance_ms(i64::try_from(passed_ms).unwrap_or(i64::MAX));
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
        per_mille > 0 && self.is_in_trouble() && self.dice.happens(per_mille)
    }

    /// Takes note of a mishap.
    pub(crate) fn met(&self, mishap: Mishap) {
        lock(&self.coverage).mishap(mishap);
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
    pub(crate) fn end(&self, checked: Result<(), String>) {
        lock(&self.ending).get_or_insert(checked);
    }

    /// Passes on what a check found.
    pub(crate) fn expect(&self, checked: Result<(), String>) {
        if let Err(what) = checked {
            self.breach(what);
        }
    }

    /// How the run ended, if it has.
    pub(crate) fn ending(&self) -> Option<Result<(), String>> {
        lock(&self.ending).clone()
    }
}
