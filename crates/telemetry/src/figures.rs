//! The families of figures, each with its name, its help and its labels.

use std::sync::LazyLock;

use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, core::Collector, process_collector::ProcessCollector,
};

use crate::{
    buyers::Buyers, connections::Connections, disk::Disk, health::Health, ledger::Ledger,
    operators::Operators, upkeep::Event,
};

/// Upper bounds in seconds: from an answer that is quick to one that somebody gives up on.
pub(crate) const SECONDS: &[f64; 13] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// Upper bounds of batches.
const REQUESTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0];

/// All families.
pub(crate) static FIGURES: LazyLock<Figures> = LazyLock::new(Figures::new);

pub(crate) struct Figures {
    pub(crate) registry: Registry,
    pub(crate) http: Http,
    pub(crate) buyers: Buyers,
    pub(crate) operators: Operators,
    pub(crate) queues: Queues,
    pub(crate) stores: Stores,
    pub(crate) upkeep: Upkeep,
    pub(crate) sales: Sales,
    pub(crate) connections: Connections,
    pub(crate) ledger: Ledger,
    pub(crate) disk: Disk,
    pub(crate) health: Health,
    pub(crate) log_lines_lost: IntCounter,
}

/// What clients ask, and what they are told.
pub(crate) struct Http {
    pub(crate) seconds: HistogramVec,
    pub(crate) active: IntGauge,
    pub(crate) checkouts: IntCounterVec,
    pub(crate) purchases: IntCounterVec,
    pub(crate) viewers: IntGauge,
    pub(crate) viewers_told: IntCounter,
}

/// The queues before the stores.
pub(crate) struct Queues {
    pub(crate) depth: IntGaugeVec,
    pub(crate) refused: IntCounterVec,
    pub(crate) wait_seconds: HistogramVec,
    pub(crate) batch_requests: HistogramVec,
}

/// Calls of the stores.
pub(crate) struct Stores {
    pub(crate) call_seconds: HistogramVec,
    pub(crate) call_failures: IntCounterVec,
}

/// What goes on between requests.
pub(crate) struct Upkeep {
    pub(crate) step_seconds: HistogramVec,
    pub(crate) step_failures: IntCounterVec,
    pub(crate) events: IntCounterVec,
    pub(crate) sweep_lag_seconds: Histogram,
    pub(crate) drift: IntGaugeVec,
    pub(crate) clock_difference_seconds: GaugeVec,
}

/// The sales at hand.
pub(crate) struct Sales {
    pub(crate) units: IntGaugeVec,
    pub(crate) epoch: IntGaugeVec,
}

impl Figures {
    fn new() -> Self {
        let registry = Registry::new();
        // Without it there are no figures of the process, such as where there is no /proc.
        let _ = registry.register(Box::new(ProcessCollector::for_self()));
        Self {
            http: Http::new(&registry),
            buyers: Buyers::new(&registry),
            operators: Operators::new(&registry),
            queues: Queues::new(&registry),
            stores: Stores::new(&registry),
            upkeep: Upkeep::new(&registry),
            sales: Sales::new(&registry),
            connections: Connections::new(&registry),
            ledger: Ledger::new(&registry),
            disk: Disk::new(&registry),
            health: Health::new(&registry),
            log_lines_lost: registered(
                &registry,
                IntCounter::new(
                    "flashsale_log_lines_lost_total",
                    "Lines of the log that could not be written",
                ),
            ),
            registry,
        }
    }
}

impl Http {
    fn new(registry: &Registry) -> Self {
        Self {
            seconds: histograms(
                registry,
                "http_server_request_duration_seconds",
                "Time from a request's head to its answer",
                &["http_request_method", "http_route", "http_response_status_code"],
                SECONDS,
            ),
            active: registered(
                registry,
                IntGauge::new("http_server_active_requests", "Requests that wait for their answer"),
            ),
            checkouts: counters(
                registry,
                "flashsale_checkouts_total",
                "Checkouts by what became of them: granted, replayed (a key that was answered before), or the name of the problem",
                &["outcome"],
            ),
            purchases: counters(
                registry,
                "flashsale_purchases_total",
                "Purchases by what became of them: sold, replayed (asked again with a key), or the name of the problem",
                &["outcome"],
            ),
            viewers: registered(
                registry,
                IntGauge::new("flashsale_stream_viewers", "Clients that watch a stream"),
            ),
            viewers_told: registered(
                registry,
                IntCounter::new(
                    "flashsale_stream_events_total",
                    "Events that viewers of streams were sent, each of them",
                ),
            ),
        }
    }
}

impl Queues {
    fn new(registry: &Registry) -> Self {
        let label = &["queue"];
        Self {
            depth: gauges(
                registry,
                "flashsale_queue_depth",
                "Requests that wait for their batch",
                label,
            ),
            refused: counters(
                registry,
                "flashsale_queue_refused_total",
                "Requests that found a queue too long",
                label,
            ),
            wait_seconds: histograms(
                registry,
                "flashsale_queue_wait_seconds",
                "Time that the first request of a batch waited for it",
                label,
                SECONDS,
            ),
            batch_requests: histograms(
                registry,
                "flashsale_batch_requests",
                "Requests of one batch",
                label,
                REQUESTS,
            ),
        }
    }
}

impl Stores {
    fn new(registry: &Registry) -> Self {
        let labels = &["store", "call"];
        Self {
            call_seconds: histograms(
                registry,
                "flashsale_store_call_duration_seconds",
                "Time of one call of a store, there and back",
                labels,
                SECONDS,
            ),
            call_failures: counters(
                registry,
                "flashsale_store_call_failures_total",
                "Calls of a store that brought no answer",
                labels,
            ),
        }
    }
}

impl Upkeep {
    fn new(registry: &Registry) -> Self {
        let events = counters(
            registry,
            "flashsale_upkeep_events_total",
            "What the upkeep did, by what it was",
            &["event"],
        );
        // What never happened is zero, or its first time would be no increase.
        for event in Event::ALL {
            events.with_label_values(&[event.name()]);
        }
        Self {
            events,
            step_seconds: histograms(
                registry,
                "flashsale_upkeep_step_duration_seconds",
                "Time of one run of a step of the upkeep",
                &["step"],
                SECONDS,
            ),
            step_failures: counters(
                registry,
                "flashsale_upkeep_step_failures_total",
                "Runs of a step of the upkeep that failed",
                &["step"],
            ),
            sweep_lag_seconds: registered(
                registry,
                Histogram::with_opts(
                    HistogramOpts::new(
                        "flashsale_sweep_lag_seconds",
                        "How late a hold that was due can have been freed at most, each tick anew",
                    )
                    .buckets(SECONDS.to_vec()),
                ),
            ),
            drift: gauges(
                registry,
                "flashsale_drift_units",
                "Live store minus ledger at the last comparison, of the sale where it was most",
                &["state"],
            ),
            clock_difference_seconds: registered(
                registry,
                GaugeVec::new(
                    Opts::new(
                        "flashsale_clock_difference_seconds",
                        "How far a clock was ahead of the ledger's when they were last compared",
                    ),
                    &["clock"],
                ),
            ),
        }
    }
}

impl Sales {
    fn new(registry: &Registry) -> Self {
        Self {
            units: gauges(
                registry,
                "flashsale_sale_units",
                "Units of the sales at hand: free, held or sold",
                &["sale", "state"],
            ),
            epoch: gauges(
                registry,
                "flashsale_sale_epoch",
                "The generation of a sale's live state",
                &["sale"],
            ),
        }
    }
}

pub(crate) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> IntCounterVec {
    registered(registry, IntCounterVec::new(Opts::new(name, help), labels))
}

pub(crate) fn gauges(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    registered(registry, IntGaugeVec::new(Opts::new(name, help), labels))
}

pub(crate) fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    registered(registry, IntGauge::new(name, help))
}

fn histograms(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
    bounds: &[f64],
) -> HistogramVec {
    let opts = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    registered(registry, HistogramVec::new(opts, labels))
}

/// The family, known to the registry.
pub(crate) fn registered<F: Collector + Clone + 'static>(
    registry: &Registry,
    family: prometheus::Result<F>,
) -> F {
    let family = family.expect("names and labels are the constants above");
    #[cfg(test)]
    crate::tests::describe(&family);
    registry.register(Box::new(family.clone())).expect("each family has a name of its own");
    family
}
