//! How the last requests of buyers went.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use super::STANDS_STILL_MS;
use crate::{Failure, StoreError, ports::Clock};

/// How long a failure counts, in milliseconds, if nothing came after it.
const FAILED_MS: u64 = 3_000;

/// Those who wait are counted by when they began to, in slices of time of so many milliseconds, and
/// of as many slices as a request may wait for at the most (`http-api` lets it go after ten seconds).
const SLICE_MS: u64 = 250;
const SLICES: usize = 64;

/// How requests of one kind went lately, on one thread. To note it costs two looks at the clock.
pub struct Pulse {
    clock: Arc<dyn Clock>,
    /// Those who wait, by the slice of time in which they began to.
    waiting: [AtomicU32; SLICES],
    /// When one last got on.
    moved_at_ms: AtomicU64,
    did_at_ms: AtomicU64,
    failed_at_ms: AtomicU64,
    /// What can be done about the last failure, if that is known.
    remedy: Mutex<Option<Cow<'static, str>>>,
}

/// A request under way. One that is dropped says nothing.
pub struct Beat<'a> {
    pulse: &'a Pulse,
    began_in: usize,
}

impl Pulse {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            waiting: [const { AtomicU32::new(0) }; SLICES],
            moved_at_ms: AtomicU64::new(0),
            did_at_ms: AtomicU64::new(0),
            failed_at_ms: AtomicU64::new(0),
            remedy: Mutex::default(),
        }
    }

    /// Notes that a request goes to the stores.
    #[must_use]
    pub fn begin(&self) -> Beat<'_> {
        let began_in = slice(self.clock.uptime_ms() / SLICE_MS);
        self.waiting[began_in].fetch_add(1, Relaxed);
        Beat { pulse: self, began_in }
    }

    /// Whether somebody has been waiting for more than three seconds while nobody got on.
    pub(super) fn stands_still(&self) -> bool {
        if self.age_ms(&self.moved_at_ms) <= STANDS_STILL_MS {
            return false;
        }
        let now = self.clock.uptime_ms() / SLICE_MS;
        // Whoever began in these slices did so long enough ago. One who began in this very slice
        // would look like one from a whole round before.
        let long_ago = STANDS_STILL_MS / SLICE_MS + 1..SLICES as u64;
        let mut long_ago = long_ago.filter_map(|slices| now.checked_sub(slices));
        long_ago.any(|number| self.waiting[slice(number)].load(Relaxed) > 0)
    }

    /// Whether the last one failed for want of a store, a moment ago.
    pub(super) fn is_failing(&self) -> bool {
        let failed_at_ms = self.failed_at_ms.load(Relaxed);
        failed_at_ms > self.did_at_ms.load(Relaxed) && self.age_ms(&self.failed_at_ms) < FAILED_MS
    }

    /// What can be done about the last failure, if that is known.
    pub(super) fn remedy(&self) -> Option<Cow<'static, str>> {
        self.remedy.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn age_ms(&self, at_ms: &AtomicU64) -> u64 {
        self.clock.uptime_ms().saturating_sub(at_ms.load(Relaxed))
    }
}

impl Beat<'_> {
    /// Notes what came of it.
    pub fn end<T>(self, came: &Result<T, StoreError>) {
        let Self { pulse, .. } = self;
        let now_ms = pulse.clock.uptime_ms();
        pulse.moved_at_ms.store(now_ms, Relaxed);
        let Err(error) = came else { return pulse.did_at_ms.store(now_ms, Relaxed) };
        match error.failure() {
            Failure::NotDone | Failure::Unknown => {
                let mut remedy = pulse.remedy.lock().unwrap_or_else(PoisonError::into_inner);
                *remedy = error.remedy().cloned();
                pulse.failed_at_ms.store(now_ms, Relaxed);
            }
            // Busy is not broken; and whether a sale is served is looked at by itself.
            Failure::Overloaded | Failure::Rebuilding => {}
        }
    }
}

impl Drop for Beat<'_> {
    fn drop(&mut self) {
        self.pulse.waiting[self.began_in].fetch_sub(1, Relaxed);
    }
}

/// Where those are counted who began in the slice of this number.
#[expect(clippy::cast_possible_truncation, reason = "what is left is less than there are slices")]
const fn slice(number: u64) -> usize {
    (number % SLICES as u64) as usize
}
