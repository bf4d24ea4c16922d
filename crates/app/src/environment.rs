//! The real clocks, the real random source, the real items.

use std::{
    pin::Pin,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use domain::{
    Item, ProductVersion, SaleId, SteadyClock, Unit, UnixMillis,
    ports::{Clock, CodeMint, Items, Tasks},
    steady::{BELIEVED_AFTER_MS, ClockNews, Reading},
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
pub(crate) fn wall_clock() -> UnixMillis {
    let now = SystemTime::now();
    let ms = |span: Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    UnixMillis(match now.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    })
}

/// [`wall_clock`], for the ledger of a process that serves. If it is set by much, it is not believed
/// before it has stood there for a while; meanwhile the ledger's goes on as it was.
pub(crate) fn steady_clock() -> LedgerClock {
    steady(wall_clock, uptime_asleep_too_ms)
}

fn steady(
    wall_clock: impl Fn() -> UnixMillis + Send + Sync + 'static,
    uptime_ms: impl Fn() -> u64 + Send + Sync + 'static,
) -> LedgerClock {
    let steady = Mutex::new(SteadyClock::default());
    Arc::new(move || {
        // Both are read in one's turn, so that no time passes between the two.
        let mut steady = steady.lock().unwrap_or_else(PoisonError::into_inner);
        let Reading { at, news } = steady.read(wall_clock(), uptime_ms());
        if let Some(news) = news {
            log_clock(news);
        }
        at
    })
}

/// Milliseconds of this process's life, those included in which the machine was asleep: after those
/// its clock is right, and was not set.
#[cfg(target_os = "linux")]
fn uptime_asleep_too_ms() -> u64 {
    let since_boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let ms = since_boot.tv_sec.saturating_mul(1_000).saturating_add(since_boot.tv_nsec / 1_000_000);
    ms.try_into().unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn uptime_asleep_too_ms() -> u64 {
    TokioClock.uptime_ms()
}

fn log_clock(news: ClockNews) {
    let believed_after_s = BELIEVED_AFTER_MS / 1_000;
    match news {
        ClockNews::Jumped(by_ms) => tracing::warn!(
            by_ms,
            "the clock of this machine has jumped: sales go on by the time as it was, until it is back or \
             has stood there for {believed_after_s} s"
        ),
        ClockNews::Back => tracing::info!("the clock of this machine is back"),
        ClockNews::Believed(by_ms) => tracing::warn!(
            by_ms,
            "the clock of this machine has stood for {believed_after_s} s where it jumped to: sales go \
             by it from now on"
        ),
    }
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

/// Items of products, and generated ones, whose pictures the API shows.
pub(crate) struct GeneratedItems;

impl Items for GeneratedItems {
    fn item(&self, sale: SaleId, unit: Unit, product: Option<&ProductVersion>) -> Item {
        let generated = || http_api::picture_path(sale, unit);
        let Some(product) = product else {
            return Item { name: item_art::name(sale, unit), image: generated(), product: None };
        };
        Item {
            name: format!("{} No. {unit}", product.name),
            image: product.image.map_or_else(generated, http_api::product_image_path),
            product: Some(product.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::atomic::{AtomicI64, Ordering},
    };

    use super::*;

    #[test]
    fn a_clock_of_the_machine_that_is_set_for_a_moment_does_not_move_the_ledgers() {
        let (set_by, passed) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicI64::new(0)));
        let shown = [&set_by, &passed].map(Arc::clone);
        let uptime = Arc::clone(&passed);
        let ledger = steady(
            move || UnixMillis(shown.iter().map(|ms| ms.load(Ordering::Relaxed)).sum()),
            move || uptime.load(Ordering::Relaxed).unsigned_abs(),
        );

        for (by, after, told) in
            [(0, 1, 1), (40 * 86_400_000, 3_000, 3_000), (0, 3_001, 3_001), (900, 3_002, 3_902)]
        {
            set_by.store(by, Ordering::Relaxed);
            passed.store(after, Ordering::Relaxed);

            assert_eq!(ledger().0, told);
        }
    }

    #[test]
    fn no_draw_comes_twice() {
        let random = SystemRandom::default();

        let drawn: HashSet<_> = (0..3 * DRAWN_AT_ONCE).map(|_| random.draw()).collect();

        assert_eq!(drawn.len(), 3 * DRAWN_AT_ONCE);
    }
}
