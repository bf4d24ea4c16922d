//! The families of figures, each with its name, its help and its labels.

use std::sync::LazyLock;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::Collector, process_collector::ProcessCollector,
};

/// Upper bounds in seconds: from an answer that is quick to one that somebody gives up on.
const SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds of batches.
const REQUESTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];

/// All families.
pub(crate) static FIGURES: LazyLock<Figures> = LazyLock::new(Figures::new);

pub(crate) struct Figures {
    pub(crate) registry: Registry,
    pub(crate) http_seconds: HistogramVec,
    pub(crate) http_active: IntGauge,
    pub(crate) checkouts: IntCounterVec,
    pub(crate) purchases: IntCounterVec,
    pub(crate) queue_depth: IntGaugeVec,
    pub(crate) queue_refused: IntCounterVec,
    pub(crate) queue_wait_seconds: HistogramVec,
    pub(crate) batch_requests: HistogramVec,
    pub(crate) call_seconds: HistogramVec,
    pub(crate) call_failures: IntCounterVec,
    pub(crate) step_seconds: HistogramVec,
    pub(crate) step_failures: IntCounterVec,
    pub(crate) events: IntCounterVec,
    pub(crate) log_lines_lost: IntCounter,
    pub(crate) sale_units: IntGaugeVec,
    pub(crate) sale_epoch: IntGaugeVec,
}

impl Figures {
    fn new() -> Self {
        let registry = Registry::new();
        let counters = |name, help, labels: &[_]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauges = |name, help, labels: &[_]| {
            registered(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let histograms = |name, help, labels: &[_], bounds: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(bounds.to_vec());
            registered(&registry, HistogramVec::new(opts, labels))
        };
        let process: Box<dyn Collector> = Box::new(ProcessCollector::for_self());
        // Without it there are no figures of the process, such as where there is no /proc.
        let _ = registry.register(process);
        Self {
            http_seconds: histograms(
                "http_server_request_duration_seconds",
                "Time from a request's head to its answer",
                &["http_request_method", "http_route", "http_response_status_code"],
                SECONDS,
            ),
            http_active: registered(
                &registry,
                IntGauge::new("http_server_active_requests", "Requests that wait for their answer"),
            ),
            checkouts: counters(
                "flashsale_checkouts_total",
                "Checkouts by what became of them: granted, a refusal by its name, or failed",
                &["outcome"],
            ),
            purchases: counters(
                "flashsale_purchases_total",
                "Purchases by what became of them: sold, a refusal by its name, or failed",
                &["outcome"],
            ),
            queue_depth: gauges(
                "flashsale_queue_depth",
                "Requests that wait for their batch",
                &["queue"],
            ),
            queue_refused: counters(
                "flashsale_queue_refused_total",
                "Requests that found a queue too long",
                &["queue"],
            ),
            queue_wait_seconds: histograms(
                "flashsale_queue_wait_seconds",
                "Time that the first request of a batch waited for it",
                &["queue"],
                SECONDS,
            ),
            batch_requests: histograms(
                "flashsale_batch_requests",
                "Requests of one batch",
                &["queue"],
                REQUESTS,
            ),
            call_seconds: histograms(
                "flashsale_store_call_duration_seconds",
                "Time of one call of a store, there and back",
                &["store", "call"],
                SECONDS,
            ),
            call_failures: counters(
                "flashsale_store_call_failures_total",
                "Calls of a store that brought no answer",
                &["store", "call"],
            ),
            step_seconds: histograms(
                "flashsale_upkeep_step_duration_seconds",
                "Time of one run of a step of the upkeep",
                &["step"],
                SECONDS,
            ),
            step_failures: counters(
                "flashsale_upkeep_step_failures_total",
                "Runs of a step of the upkeep that failed",
                &["step"],
            ),
            events: counters(
                "flashsale_upkeep_events_total",
                "What the upkeep did, by what it was",
                &["event"],
            ),
            log_lines_lost: registered(
                &registry,
                IntCounter::new(
                    "flashsale_log_lines_lost_total",
                    "Lines of the log that could not be written",
                ),
            ),
            sale_units: gauges(
                "flashsale_sale_units",
                "Units of the sales at hand: free, held or sold",
                &["sale", "state"],
            ),
            sale_epoch: gauges(
                "flashsale_sale_epoch",
                "The generation of a sale's live state",
                &["sale"],
            ),
            registry,
        }
    }
}

/// The family, known to the registry.
#[expect(
    clippy::expect_used,
    reason = "names and labels are the constants above; a test makes all"
)]
fn registered<F: Collector + Clone + 'static>(
    registry: &Registry,
    family: prometheus::Result<F>,
) -> F {
    let family = family.expect("a family has a proper name");
    registry.register(Box::new(family.clone())).expect("each family has a name of its own");
    family
}
