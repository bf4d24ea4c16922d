//! How long a request would wait in a queue.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::Limits;

/// How many of its calls a queue's pace is the mean of, roughly: few, so that a store that became
/// slow, or quick again, is known as such after a handful.
const CALLS: u64 = 4;

/// No call is on its way.
const NONE: u64 = u64::MAX;

/// What is known of how long the calls for a queue take. Its workers write, and everybody reads;
/// one look may be a call behind, which is all the same.
pub(crate) struct Pace {
    limits: Limits,
    start: Instant,
    /// The mean of the last calls, in microseconds.
    call_us: AtomicU64,
    /// When the call that is on its way began, in microseconds since `start`.
    began_us: AtomicU64,
}

impl Pace {
    /// A pace of which nothing is known, so that nobody would wait.
    pub(crate) fn new(limits: Limits) -> Self {
        let (call_us, began_us) = (AtomicU64::new(0), AtomicU64::new(NONE));
        Self { limits, start: Instant::now(), call_us, began_us }
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
        let mean_us = self.call_us.load(Ordering::Relaxed);
        let began_us = self.began_us.load(Ordering::Relaxed);
        let (call_us, rest_us) = if began_us == NONE {
            (mean_us, 0)
        } else {
            // A call that takes long already says more than those before it.
            let took_us = self.now_us().saturating_sub(began_us);
            (mean_us.max(took_us), mean_us.saturating_sub(took_us))
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

    /// The call ended that began then.
    pub(crate) fn end(&self, began_us: u64) {
        let took_us = self.now_us().saturating_sub(began_us);
        let mean_us = self.call_us.load(Ordering::Relaxed);
        let mean_us = mean_us - mean_us / CALLS + took_us / CALLS;
        self.call_us.store(mean_us, Ordering::Relaxed);
        self.began_us.store(NONE, Ordering::Relaxed);
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(NONE)
    }
}
