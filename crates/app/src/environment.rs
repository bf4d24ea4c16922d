//! The real clocks, the real random source, the real items.

use std::{
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domain::{
    Item, SaleId, Unit, UnixMillis,
    ports::{Clock, CodeMint, Items, Tasks},
};
use sqlite_ledger::LedgerClock;
use tokio::{runtime::Handle, time::Instant};

/// Waits by tokio's clock.
pub(crate) struct TokioClock;

#[async_trait]
impl Clock for TokioClock {
    async fn wait(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn uptime_ms(&self) -> u64 {
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        START.elapsed().as_millis().try_into().unwrap_or(u64::MAX)
    }
}

/// Has tasks done by the runtime that the upkeep runs on, whichever thread starts them.
pub(crate) struct TokioTasks(Handle);

impl TokioTasks {
    /// Tasks of the runtime that this is called on.
    pub(crate) fn here() -> Self {
        Self(Handle::current())
    }
}

impl Tasks for TokioTasks {
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }
}

/// The clock of this machine, which a ledger of its own goes by as one in Postgres goes by that of
/// its server. Nothing else in this process asks it.
#[expect(clippy::disallowed_methods, reason = "a ledger's clock is that of its machine")]
pub(crate) fn wall_clock() -> LedgerClock {
    Arc::new(|| {
        let now = SystemTime::now();
        let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        UnixMillis(match now.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => ms(since),
            Err(before) => -ms(before.duration()),
        })
    })
}

/// Draws from the operating system's random source, many codes' worth at a time: asking it for
/// each code is a system call a request.
#[derive(Default)]
pub(crate) struct SystemRandom {
    drawn: Mutex<Vec<u128>>,
}

/// Codes' worth of bits that are drawn at a time.
const DRAWN_AT_ONCE: usize = 64;

impl CodeMint for SystemRandom {
    fn draw(&self) -> u128 {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(bits) = drawn.pop() {
                return bits;
            }
            let mut bytes = [0; 16 * DRAWN_AT_ONCE];
            // Fails only where the system has no random source at all; the check at start-up
            // has found that out.
            getrandom::fill(&mut bytes).expect("the system's random source answered at start-up");
            let (codes, _) = bytes.as_chunks::<16>();
            drawn.extend(codes.iter().map(|&bits| u128::from_ne_bytes(bits)));
        }
    }
}

/// Makes sure that codes can be drawn.
pub(crate) fn check_random() -> Result<(), getrandom::Error> {
    getrandom::fill(&mut [0; 16])
}

/// Generated items, whose pictures the API shows.
pub(crate) struct GeneratedItems;

impl Items for GeneratedItems {
    fn item(&self, sale: SaleId, unit: Unit) -> Item {
        Item { name: item_art::name(sale, unit), image: http_api::picture_path(sale, unit) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_draw_comes_twice() {
        let random = SystemRandom::default();

        let drawn: HashSet<_> = (0..3 * DRAWN_AT_ONCE).map(|_| random.draw()).collect();

        assert_eq!(drawn.len(), 3 * DRAWN_AT_ONCE);
    }
}
