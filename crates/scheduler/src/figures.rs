//! What the steps found, as whoever watches is shown it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use domain::{Code, SaleId, UnixMillis, upkeep::Drift};
use telemetry::{OtherClock, show_clock_difference, show_drift, sweep_lagged};
use tokio::time::Instant;

/// Since when each sale may have had something due that was not freed.
#[derive(Default)]
pub(crate) struct Lags(Mutex<HashMap<SaleId, Lag>>);

/// How a sweep left a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing of it is due any more.
    Clean,
    /// Something may be.
    Due,
    /// Another process has it judged. This code has been due for the longest.
    ToOthers(Code),
}

#[derive(Clone, Copy)]
struct Lag {
    since: Instant,
    /// What had been due for the longest then, where another process has it judged.
    code: Option<Code>,
}

impl Lags {
    /// Notes a sweep that began then, of all sales at hand, and how each was left. Where one was not swept
    /// clean, the lag grows until it is; where another process sweeps, for as long as it is the same code that has
    /// been due for the longest. What is shown is that of the worst sale.
    pub(crate) fn note(&self, began: Instant, swept: Vec<(SaleId, Left)>) {
        let mut lags = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *lags);
        let mut earliest = None;
        for (sale, left) in swept {
            let last = before.get(&sale).copied().unwrap_or(Lag { since: began, code: None });
            let lag = match left {
                Left::Clean => Lag { since: began, code: None },
                Left::Due => last,
                Left::ToOthers(code) if last.code.is_none_or(|before| before == code) => {
                    Lag { code: Some(code), ..last }
                }
                Left::ToOthers(code) => Lag { since: began, code: Some(code) },
            };
            let since = if left == Left::Clean { last.since } else { lag.since };
            earliest = Some(earliest.map_or(since, |earliest: Instant| earliest.min(since)));
            lags.insert(sale, lag);
        }
        if let Some(earliest) = earliest {
            sweep_lagged(earliest.elapsed().as_secs_f64());
        }
    }
}

/// Shows the drift of the sale that has most, by what it is. Where nothing was compared, the last
/// comparison stands.
pub(crate) fn show_drifts(drifts: impl Iterator<Item = Drift>) {
    let worst = drifts.reduce(|one, other| Drift {
        free: farther(one.free, other.free),
        held: farther(one.held, other.held),
        sold: farther(one.sold, other.sold),
        clock_ms: farther(one.clock_ms, other.clock_ms),
    });
    let Some(worst) = worst else { return };
    show_drift([worst.free, worst.held, worst.sold]);
    show_clock_difference(OtherClock::Live, seconds(worst.clock_ms));
}

/// Shows how far the process's clock is from the ledger's, which said `ledger` between two looks at
/// it: nothing, if it can have been either's.
pub(crate) fn show_process_clock(earliest: UnixMillis, ledger: UnixMillis, latest: UnixMillis) {
    let ahead_ms = (earliest - ledger).max(0) + (latest - ledger).min(0);
    show_clock_difference(OtherClock::Process, seconds(ahead_ms));
}

const fn farther(one: i64, other: i64) -> i64 {
    if other.unsigned_abs() > one.unsigned_abs() { other } else { one }
}

/// Milliseconds as a figure is shown.
fn seconds(ms: i64) -> f64 {
    // What is far beyond an i32 is no difference of clocks that anybody reads in detail.
    let ms = i32::try_from(ms).unwrap_or(if ms < 0 { i32::MIN } else { i32::MAX });
    f64::from(ms) / 1_000.0
}
