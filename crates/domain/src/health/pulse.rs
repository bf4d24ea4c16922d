//! How the last requests of buyers went.

use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use super::STANDS_STILL_MS;
use crate::{Failure, StoreError, ports::Clock};

/// How long a failure counts, in milliseconds, if nothing came after it.
const FAILED_MS: u64 = 3_000;

/// How requests of one kind went lately, on one thread. To note it costs a look at the clock.
pub struct Pulse {
    clock: Arc<dyn Clock>,
    waiting: AtomicU32,
    /// When one last got on, or the first of those who wait began to.
    moved_at_ms: AtomicU64,
    did_at_ms: AtomicU64,
    failed_at_ms: AtomicU64,
}

/// A request under way. One that is dropped says nothing.
pub struct Beat<'a>(&'a Pulse);

impl Pulse {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            waiting: AtomicU32::new(0),
            moved_at_ms: AtomicU64::new(0),
            did_at_ms: AtomicU64::new(0),
            failed_at_ms: AtomicU64::new(0),
        }
    }

    /// Notes that a request goes to the stores.
    #[must_use]
    pub fn begin(&self) -> Beat<'_> {
        if self.waiting.fetch_add(1, Relaxed) == 0 {
            self.moved_at_ms.store(self.clock.uptime_ms(), Relaxed);
        }
        Beat(self)
    }

    /// Whether somebody has been waiting for more than three seconds while nobody got on.
    pub(super) fn stands_still(&self) -> bool {
        self.waiting.load(Relaxed) > 0 && self.age_ms(&self.moved_at_ms) > STANDS_STILL_MS
    }

    /// Whether the last one failed for want of a store, a moment ago.
    pub(super) fn is_failing(&self) -> bool {
        let failed_at_ms = self.failed_at_ms.load(Relaxed);
        failed_at_ms > self.did_at_ms.load(Relaxed) && self.age_ms(&self.failed_at_ms) < FAILED_MS
    }

    fn age_ms(&self, at_ms: &AtomicU64) -> u64 {
        self.clock.uptime_ms().saturating_sub(at_ms.load(Relaxed))
    }
}

impl Beat<'_> {
    /// Notes what came of it.
    pub fn end<T>(self, came: &Result<T, StoreError>) {
        let Self(pulse) = self;
        let now_ms = pulse.clock.uptime_ms();
        pulse.moved_at_ms.store(now_ms, Relaxed);
        match came.as_ref().map_err(StoreError::failure) {
            Ok(_) => pulse.did_at_ms.store(now_ms, Relaxed),
            Err(Failure::NotDone | Failure::Unknown) => pulse.failed_at_ms.store(now_ms, Relaxed),
            // Busy is not broken; and whether a sale is served is looked at by itself.
            Err(Failure::Overloaded | Failure::Rebuilding) => {}
        }
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}
