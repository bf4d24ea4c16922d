//! Time that stands until it is moved, and chance that counts.

use std::{
    future::poll_fn,
    mem,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use domain::{
    UnixMillis,
    ports::{Clock, CodeMint},
};

/// The clock of both stores. Clones show the same time.
///
/// Waiting for it moves it instead, so whoever waits goes on as soon as others had a turn.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: UnixMillis) -> Self {
        Self(Arc::new(AtomicI64::new(now.0)))
    }

    /// The moment it shows.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }

    /// Moves it to `now`, backwards if need be.
    pub fn set(&self, now: UnixMillis) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves it by `ms` milliseconds.
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    async fn wait(&self, ms: u64) {
        self.advance_ms(i64::try_from(ms).unwrap_or(i64::MAX));
        // Whoever waits for what another task does must let it be done.
        std::thread::yield_now();
        let mut had_a_turn = false;
        poll_fn(|context| {
            if mem::replace(&mut had_a_turn, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn uptime_ms(&self) -> u64 {
        self.now().0.try_into().unwrap_or_default()
    }
}

/// A mint whose draws are a count. Two mints never draw the same if their seeds differ.
#[derive(Debug)]
pub struct CountingMint {
    seed: u16,
    drawn: AtomicU32,
}

impl CountingMint {
    /// A mint that has drawn nothing yet.
    #[must_use]
    pub const fn new(seed: u16) -> Self {
        Self { seed, drawn: AtomicU32::new(0) }
    }
}

impl CodeMint for CountingMint {
    fn draw(&self) -> u128 {
        let count = self.drawn.fetch_add(1, Ordering::SeqCst);
        u128::from(self.seed) << 32 | u128::from(count)
    }
}
