//! How long a request would wait in a queue.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::Limits;

/// How many of its calls a queue's pace is the mean of, roughly: few, so that a store that became
/// slow, or quick again, is known as such after a handful.
const CALLS: u64 = 4;

/// How long it is known what a whole batch takes, in microseconds. Longer than a crowd's waves are
/// apart, and no longer than a store that was slow may be held against it.
const KNOWN_US: u64 = 60_000_000;

/// No call is on its way.
const NONE: u64 = u64::MAX;

/// What is known of how long the calls for a queue take. Its workers write, and everybody reads;
/// one look may be a call behind, which is all the same.
pub(crate) struct Pace {
    limits: Limits,
    start: Instant,
    /// The mean of the last calls, in microseconds.
    call_us: AtomicU64,
    /// The mean of the last calls of nearly a whole batch, in microseconds, and when the last of them
    /// ended; 0 before. When a crowd comes, all calls until then were small and quick, and say little
    /// of those to come.
    whole_us: AtomicU64,
    whole_at_us: AtomicU64,
    /// When the call that is on its way began, in microseconds since `start`.
    began_us: AtomicU64,
}

impl Pace {
    /// A pace of which nothing is known, so that nobody would wait.
    pub(crate) fn new(limits: Limits) -> Self {
        // Where no more than a batch may wait, half of them count as one: the wait had no bound else.
        let half = NonZeroUsize::new(limits.queue_max.get().div_ceil(2));
        let batch_max = half.map_or(limits.batch_max, |half| limits.batch_max.min(half));
        let limits = Limits { batch_max, ..limits };
        let unknown = || AtomicU64::new(0);
        let (call_us, whole_us, whole_at_us) = (unknown(), unknown(), unknown());
        let began_us = AtomicU64::new(NONE);
        Self { limits, start: Instant::now(), call_us, whole_us, whole_at_us, began_us }
    }

    /// How long one may wait.
    pub(crate) const fn wait_max(&self) -> Duration {
        self.limits.wait_max
    }

    /// Whole batches of so many requests.
    pub(crate) const fn batches(&self, waiting: usize) -> usize {
        waiting / self.limits.batch_max.get()
    }

    /// How long one more request would wait behind so many: for the rest of the call that is on its
    /// way, for those of the batches before its own, and for its own.
    pub(crate) fn wait(&self, waiting: usize) -> Duration {
        let now_us = self.now_us();
        let whole_us = self.known_whole_us(now_us);
        let mean_us = self.call_us.load(Ordering::Relaxed);
        let began_us = self.began_us.load(Ordering::Relaxed);
        let (call_us, rest_us) = if began_us == NONE {
            (mean_us.max(whole_us), 0)
        } else {
            // A call that takes long already says more than those before it.
            let took_us = now_us.saturating_sub(began_us);
            (mean_us.max(whole_us).max(took_us), mean_us.saturating_sub(took_us))
        };
        let calls = u64::try_from(self.batches(waiting)).unwrap_or(u64::MAX).saturating_add(1);
        Duration::from_micros(call_us.saturating_mul(calls).saturating_add(rest_us))
    }

    /// A call begins.
    pub(crate) fn begin(&self) -> u64 {
        let now_us = self.now_us();
        self.began_us.store(now_us, Ordering::Relaxed);
        now_us
    }

    /// The call of so many requests ended that began then.
    pub(crate) fn end(&self, began_us: u64, requests: usize) {
        let now_us = self.now_us();
        let took_us = now_us.saturating_sub(began_us);
        let note = |mean: &AtomicU64| {
            let mean_us = mean.load(Ordering::Relaxed);
            mean.store(mean_us - mean_us / CALLS + took_us / CALLS, Ordering::Relaxed);
        };
        note(&self.call_us);
        if requests > self.limits.batch_max.get() / 2 {
            if self.known_whole_us(now_us) == 0 {
                self.whole_us.store(took_us, Ordering::Relaxed);
            } else {
                note(&self.whole_us);
            }
            self.whole_at_us.store(now_us.max(1), Ordering::Relaxed);
        }
        self.began_us.store(NONE, Ordering::Relaxed);
    }

    /// What a whole batch takes; 0 if it is not known any more.
    fn known_whole_us(&self, now_us: u64) -> u64 {
        let whole_at_us = self.whole_at_us.load(Ordering::Relaxed);
        let is_known = whole_at_us > 0 && now_us.saturating_sub(whole_at_us) < KNOWN_US;
        if is_known { self.whole_us.load(Ordering::Relaxed) } else { 0 }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(NONE)
    }
}
