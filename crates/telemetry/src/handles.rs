//! What is held by those who count.

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

    fn seconds(self) -> Option<f64> {
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

/// A run of a step of the upkeep is over that began then.
pub fn step_ended(step: &'static str, began: Watch, went_well: bool) {
    let Some(seconds) = began.seconds() else { return };
    FIGURES.upkeep.step_seconds.with_label_values(&[step]).observe(seconds);
    let failures = FIGURES.upkeep.step_failures.with_label_values(&[step]);
    if !went_well {
        failures.inc();
    }
}

/// Counts something that the upkeep did, so many times. For what is rare: it looks the name up.
pub fn happened(event: &'static str, times: usize) {
    if is_on() {
        FIGURES
            .upkeep
            .events
            .with_label_values(&[event])
            .inc_by(times.try_into().unwrap_or(u64::MAX));
    }
}

/// Counts a line of the log that could not be written.
pub fn log_line_lost() {
    if is_on() {
        FIGURES.log_lines_lost.inc();
    }
}

/// Counts how a checkout ended: `granted`, or the name of the problem.
pub fn checkout_ended(outcome: &'static str) {
    if is_on() {
        FIGURES.http.checkouts.with_label_values(&[outcome]).inc();
    }
}

/// Counts how a purchase ended: `sold`, or the name of the problem.
pub fn purchase_ended(outcome: &'static str) {
    if is_on() {
        FIGURES.http.purchases.with_label_values(&[outcome]).inc();
    }
}

/// A request over HTTP that is being answered. Dropped unanswered, it is active no more and was
/// never timed.
#[derive(Debug)]
pub struct Request(Watch);

impl Request {
    /// A request that has just come.
    #[must_use]
    pub fn came() -> Self {
        let watch = Watch::start();
        if watch.0.is_some() {
            FIGURES.http.active.inc();
        }
        Self(watch)
    }

    /// It was answered. The route is a pattern of the router, never what the client wrote.
    pub fn answered(self, method: &str, route: &str, status: u16) {
        let Some(seconds) = self.0.seconds() else { return };
        // Any word can be a method.
        let method = match method {
            "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "PATCH" | "OPTIONS" => method,
            _ => "_OTHER",
        };
        let mut digits = [0; 3];
        FIGURES
            .http
            .seconds
            .with_label_values(&[method, route, three_digits(status, &mut digits)])
            .observe(seconds);
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if self.0.0.is_some() {
            FIGURES.http.active.dec();
        }
    }
}

/// A status as it is written. Nothing is allocated for it.
fn three_digits(status: u16, digits: &mut [u8; 3]) -> &str {
    let digit = |place: u16| b'0' + u8::try_from(status / place % 10).unwrap_or(0);
    *digits = [digit(100), digit(10), digit(1)];
    std::str::from_utf8(digits).unwrap_or("000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_with_three_digits() {
        for (status, text) in [(200, "200"), (503, "503"), (7, "007")] {
            assert_eq!(three_digits(status, &mut [0; 3]), text);
        }
    }
}
