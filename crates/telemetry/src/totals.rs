//! What is counted, read as figures: for whoever shows people what this process does.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use prometheus::{
    IntCounterVec,
    core::Collector,
    proto::{Histogram, Metric},
};
use tokio::time::Instant;

use crate::figures::{FIGURES, SECONDS};

/// How many buckets a histogram of times has: one for each bound, and one for what took longer.
pub const BUCKETS: usize = SECONDS.len() + 1;

/// The bounds of those, in seconds.
pub const BOUNDS_S: &[f64] = SECONDS;

/// How often something took no longer than each bound, and longer than the one before.
pub type Buckets = [u64; BUCKETS];

/// What the process has counted since it began.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    /// Checkouts, by what became of them.
    pub checkouts: BTreeMap<String, u64>,
    /// Purchases, by what became of them.
    pub purchases: BTreeMap<String, u64>,
    /// How long `POST /checkout` took, whatever became of it.
    pub checkout_times: Buckets,
    /// How long `POST /purchase` took.
    pub purchase_times: Buckets,
    /// Calls of each store, and how many seconds they took together.
    pub store_calls: BTreeMap<String, (u64, f64)>,
    /// Who watches how sales stand, now.
    pub viewers: u64,
}

/// What the process has counted. Goes through all that is timed by route, so it is for once a second.
#[must_use]
pub fn totals() -> Totals {
    let http = &FIGURES.http;
    let mut totals = Totals {
        checkouts: by_outcome(&http.checkouts),
        purchases: by_outcome(&http.purchases),
        viewers: http.viewers.get().try_into().unwrap_or_default(),
        ..Totals::default()
    };
    for metric in metrics(&http.seconds) {
        let times = match (label(&metric, "http_request_method"), label(&metric, "http_route")) {
            ("POST", "/checkout") => &mut totals.checkout_times,
            ("POST", "/purchase") => &mut totals.purchase_times,
            _ => continue,
        };
        add(times, metric.get_histogram());
    }
    for metric in metrics(&FIGURES.stores.call_seconds) {
        let (histogram, store) = (metric.get_histogram(), label(&metric, "store"));
        let (calls, seconds) = totals.store_calls.entry(store.to_owned()).or_default();
        *calls += histogram.get_sample_count();
        *seconds += histogram.get_sample_sum();
    }
    totals
}

/// How many of these came to each outcome.
fn by_outcome(counters: &IntCounterVec) -> BTreeMap<String, u64> {
    let outcomes = metrics(counters).into_iter().map(|metric| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is a count, which the library shows as a float"
        )]
        let count = metric.get_counter().get_value() as u64;
        (label(&metric, "outcome").to_owned(), count)
    });
    outcomes.collect()
}

/// Adds what a histogram counts, bucket by bucket: it shows each with all below it.
fn add(times: &mut Buckets, histogram: &Histogram) {
    let mut below = 0;
    for (count, bucket) in times.iter_mut().zip(histogram.get_bucket()) {
        let up_to_here = bucket.cumulative_count();
        *count += up_to_here.saturating_sub(below);
        below = up_to_here;
    }
    times[BUCKETS - 1] += histogram.get_sample_count().saturating_sub(below);
}

fn metrics(family: &impl Collector) -> Vec<Metric> {
    family.collect().into_iter().flat_map(|mut family| family.take_metric()).collect()
}

fn label<'m>(metric: &'m Metric, name: &str) -> &'m str {
    let pair = metric.get_label().iter().find(|pair| pair.name() == name);
    pair.map_or("", |pair| pair.value())
}

/// What the upkeep found last that is shown as it is, and when.
static FOUND: Mutex<Found> = Mutex::new(Found { drift: None, sweep_lag_s: None });

/// What the upkeep of the process found last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// How many units more the live store had than the ledger, free, held and sold, of the sale where it
    /// was most, and when they were compared.
    pub drift: Option<([i64; 3], Instant)>,
    /// For how long a hold can have been due before it was freed, in seconds.
    pub sweep_lag_s: Option<f64>,
}

/// What the upkeep found last.
#[must_use]
pub fn found() -> Found {
    *FOUND.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn note(change: impl FnOnce(&mut Found)) {
    change(&mut FOUND.lock().unwrap_or_else(PoisonError::into_inner));
}
