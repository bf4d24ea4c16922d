//! What is held by those who count and time queues and stores.

use prometheus::{Histogram, IntCounter, IntGauge};
use tokio::time::Instant;

use crate::{figures::FIGURES, is_on};

/// A moment from which something is timed; none while nothing is counted.
#[derive(Debug, Clone, Copy)]
pub struct Watch(Option<Instant>);

impl Watch {
    /// Begins to time.
    #[must_use]
    pub fn start() -> Self {
        Self(is_on().then(Instant::now))
    }

    pub(crate) const fn is_running(self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn seconds(self) -> Option<f64> {
        self.0.map(|start| start.elapsed().as_secs_f64())
    }
}

/// A queue of requests that go to a store in batches.
#[derive(Debug, Clone)]
pub struct Queue {
    depth: IntGauge,
    refused: IntCounter,
    wait_seconds: Histogram,
    batch_requests: Histogram,
}

impl Queue {
    /// The queue of this name. All of a name count together.
    #[must_use]
    pub fn named(name: &'static str) -> Self {
        Self {
            depth: FIGURES.queues.depth.with_label_values(&[name]),
            refused: FIGURES.queues.refused.with_label_values(&[name]),
            wait_seconds: FIGURES.queues.wait_seconds.with_label_values(&[name]),
            batch_requests: FIGURES.queues.batch_requests.with_label_values(&[name]),
        }
    }

    /// A request waits.
    pub fn entered(&self) {
        if is_on() {
            self.depth.inc();
        }
    }

    /// A request found the queue too long.
    pub fn refused(&self) {
        if is_on() {
            self.refused.inc();
        }
    }

    /// So many requests go as one batch, the first of which waited since then.
    pub fn left(&self, requests: usize, first: Watch) {
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        if let Some(seconds) = first.seconds() {
            self.depth.sub(requests.into());
            self.wait_seconds.observe(seconds);
            self.batch_requests.observe(requests.into());
        }
    }
}

/// A call of a store is over that began then: which store, such as `postgres`, and what was called,
/// such as `record_grants`. For what is once a batch or rarer: it looks the names up.
pub fn store_call_ended(store: &'static str, call: &str, began: Watch, was_answered: bool) {
    let Some(seconds) = began.seconds() else { return };
    FIGURES.stores.call_seconds.with_label_values(&[store, call]).observe(seconds);
    let failures = FIGURES.stores.call_failures.with_label_values(&[store, call]);
    if !was_answered {
        failures.inc();
    }
}

/// Counts a line of the log that could not be written.
pub fn log_line_lost() {
    if is_on() {
        FIGURES.log_lines_lost.inc();
    }
}
