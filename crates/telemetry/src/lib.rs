//! What the service counts and times, for whoever watches it: metrics, as Prometheus reads them.
//!
//! Everything is counted where all of a kind come through, and nowhere else: in the batcher, at the
//! connections of the stores, in the ledger's thread, in the router, in the scheduler. What counts
//! there pays a few atomic additions, and for a look-up of names what is once a batch or rarer; before
//! [`switch_on`] it pays for a look at one flag.
//!
//! Names and units follow Prometheus' conventions, and those of HTTP OpenTelemetry's. No label ever
//! holds a user, a code or anything else that somebody outside chooses; sales are labelled by their
//! number, the first [`SALES_MAX`] of them.
//!
//! The numbers are this process's. They begin anew with it.

mod buyers;
mod connections;
mod disk;
mod figures;
mod handles;
mod health;
mod http;
mod ledger;
mod operators;
mod sales;
mod totals;
mod upkeep;

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{Encoder, TextEncoder};

use self::figures::FIGURES;

pub use self::{
    buyers::{limited, show_token_keys_outdated, token_refused},
    connections::{Peers, PoolFigures, watch_pools},
    disk::{DiskFigures, watch_disk},
    handles::{Queue, Watch, log_line_lost, store_call_ended},
    health::show_health,
    http::{
        Request, checkout_ended, count_from_zero, purchase_ended, viewer_came, viewer_gone,
        viewer_told,
    },
    ledger::{
        ledger_connection_retired, ledger_is_confirmed_by, ledger_is_on, ledger_keeps,
        ledger_race_ended,
    },
    operators::{operator_refused, show_operator_tokens_outdated},
    sales::{SALES_MAX, SaleFigures, show_sales},
    totals::{BOUNDS_S, BUCKETS, Buckets, Found, Totals, found, totals},
    upkeep::{
        Event, OtherClock, happened, show_clock_difference, show_drift, step_ended, sweep_lagged,
    },
};

/// What [`render`] writes, as HTTP calls it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

static IS_ON: AtomicBool = AtomicBool::new(false);

/// Begins to count. What happened before is not known.
pub fn switch_on() {
    IS_ON.store(true, Ordering::Relaxed);
}

/// Whether anything is counted.
#[must_use]
pub fn is_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Everything that is counted, in the text format of Prometheus.
#[must_use]
pub fn render() -> String {
    connections::look_at_pools();
    disk::look_at_disk();
    let mut text = Vec::new();
    // A family that cannot be written is left out: whoever watches shall see the others.
    for family in FIGURES.registry.gather() {
        let before = text.len();
        if TextEncoder::new().encode(&[family], &mut text).is_err() {
            text.truncate(before);
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use prometheus::core::Collector;

    use super::*;

    /// The families, as rows of the document begin that describes them.
    static DESCRIBED: Mutex<Vec<String>> = Mutex::new(Vec::new());

    pub(crate) fn describe(family: &impl Collector) {
        let kind = family.collect()[0].get_field_type();
        let kind = format!("{kind:?}").to_lowercase();
        for it in family.desc() {
            let labels: Vec<_> =
                it.variable_labels.iter().map(|label| format!("`{label}`")).collect();
            let row = format!("| `{}` | {kind} | {} | {}", it.fq_name, labels.join(", "), it.help);
            DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        }
    }

    #[test]
    fn every_family_has_its_row_in_the_document_and_every_row_a_family() {
        let document = include_str!("../../../docs/metrics.md");
        switch_on();
        // Makes all families.
        let shown = render();

        let described = DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let rows: Vec<_> = document
            .lines()
            .filter(|line| {
                let Some((name, _)) = line.strip_prefix("| `").and_then(|it| it.split_once("` |"))
                else {
                    return false;
                };
                let is_family = name.starts_with("flashsale_") || name.starts_with("http_");
                // An alert begins so too.
                is_family && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            })
            .collect();
        let missing: Vec<_> =
            described.iter().filter(|it| !rows.iter().any(|row| row.starts_with(*it))).collect();
        assert!(missing.is_empty(), "docs/metrics.md lacks {missing:#?}");
        let unknown: Vec<_> =
            rows.iter().filter(|row| !described.iter().any(|it| row.starts_with(it))).collect();
        assert!(unknown.is_empty(), "docs/metrics.md has {unknown:#?}, which nobody counts");
        let of_process = |line: &str| line.strip_prefix("# TYPE process_").map(str::to_owned);
        for row in shown.lines().filter_map(of_process) {
            let (name, kind) = row.split_once(' ').unwrap();
            let row = format!("| `process_{name}` | {kind} |");
            assert!(document.contains(&row), "docs/metrics.md lacks {row}");
        }
        for event in Event::ALL {
            assert!(document.contains(&format!("`{}`", event.name())), "{event:?}");
        }
    }

    /// Held by whoever has requests, which are counted for the whole process.
    static REQUESTS: Mutex<()> = Mutex::new(());

    /// Whether a line of what is rendered begins so.
    fn has_line(text: &str, start: &str) -> bool {
        text.lines().any(|line| line.starts_with(start))
    }

    #[test]
    fn what_is_counted_is_rendered_by_its_conventional_name() {
        let _requests = REQUESTS.lock();
        switch_on();
        let queue = Queue::named("a");

        queue.entered();
        queue.left(1, Watch::start());
        queue.refused();
        store_call_ended("ledger", "b", Watch::start(), false);
        step_ended("sweep", Watch::start(), true);
        happened(Event::SaleClosed, 2);
        sweep_lagged(0.3);
        show_drift([3, 0, -1]);
        show_clock_difference(OtherClock::Live, -0.25);
        checkout_ended("granted");
        purchase_ended("sold");
        log_line_lost();
        ledger_is_on(3);
        ledger_keeps("standby", true);
        ledger_keeps("storage", false);
        ledger_is_confirmed_by(None);
        assert!(!has_line(&render(), "flashsale_ledger_sync_standbys "), "nobody knows");
        ledger_is_confirmed_by(Some(2));
        ledger_race_ended(true);
        ledger_connection_retired();
        count_from_zero(&["granted", "sold-out"], &["replayed"]);
        show_health(false, &[("b", "up"), ("c", "down")]);
        assert!(!has_line(&render(), "flashsale_ledger_disk_"), "nobody knows");
        watch_disk(|| Some(DiskFigures { available: 5, size: 9 }));
        Request::came().answered("BREW", "/checkout", 201);
        let text = render();

        for line in [
            "flashsale_queue_depth{queue=\"a\"} 0",
            "flashsale_queue_refused_total{queue=\"a\"} 1",
            "flashsale_queue_wait_seconds_count{queue=\"a\"} 1",
            "flashsale_batch_requests_sum{queue=\"a\"} 1",
            "flashsale_store_call_duration_seconds_count{call=\"b\",store=\"ledger\"} 1",
            "flashsale_store_call_failures_total{call=\"b\",store=\"ledger\"} 1",
            "flashsale_upkeep_step_duration_seconds_count{step=\"sweep\"} 1",
            "flashsale_upkeep_events_total{event=\"sale_closed\"} 2",
            "flashsale_upkeep_events_total{event=\"sale_made\"} 0",
            "flashsale_sweep_lag_seconds_sum 0.3",
            "flashsale_drift_units{state=\"free\"} 3",
            "flashsale_drift_units{state=\"sold\"} -1",
            "flashsale_clock_difference_seconds{clock=\"live\"} -0.25",
            "flashsale_checkouts_total{outcome=\"granted\"} 1",
            "flashsale_checkouts_total{outcome=\"sold-out\"} 0",
            "flashsale_purchases_total{outcome=\"replayed\"} 0",
            "flashsale_can_sell 0",
            "flashsale_store_state{state=\"up\",store=\"b\"} 1",
            "flashsale_store_state{state=\"refuses\",store=\"b\"} 0",
            "flashsale_store_state{state=\"down\",store=\"c\"} 1",
            "flashsale_ledger_disk_available_bytes 5",
            "flashsale_ledger_disk_size_bytes 9",
            "flashsale_purchases_total{outcome=\"sold\"} 1",
            "flashsale_log_lines_lost_total 1",
            "flashsale_ledger_timeline 3",
            "flashsale_ledger_durability{asked=\"standby\"} 1",
            "flashsale_ledger_durability{asked=\"storage\"} 0",
            "flashsale_ledger_sync_standbys 2",
            "flashsale_ledger_races_total{outcome=\"found\"} 1",
            "flashsale_ledger_races_total{outcome=\"none\"} 0",
            "flashsale_ledger_connections_retired_total 1",
            "http_server_active_requests 0",
            "http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",\
             http_response_status_code=\"201\",http_route=\"/checkout\"} 1",
        ] {
            assert!(has_line(&text, line), "{line}\n{text}");
        }
        #[cfg(target_os = "linux")]
        assert!(has_line(&text, "process_resident_memory_bytes "), "{text}");
    }

    #[test]
    fn a_sale_that_is_at_hand_no_more_is_shown_no_more_and_too_many_are_shown_together() {
        switch_on();
        let sale = |sale| SaleFigures { sale, epoch: 3, units: [5, 2, 1] };

        show_sales([sale(700_001)]);
        let first = render();
        show_sales((800_000..).map(sale).take(SALES_MAX + 2));
        let second = render();
        show_sales([]);
        let third = render();

        assert!(has_line(&first, "flashsale_sale_units{sale=\"700001\",state=\"held\"} 2"));
        assert!(has_line(&first, "flashsale_sale_epoch{sale=\"700001\"} 3"));
        assert!(!second.contains("700001"));
        assert_eq!(second.matches("flashsale_sale_epoch{").count(), SALES_MAX);
        assert!(!first.contains("sale=\"other\"") && !third.contains("flashsale_sale_"), "{third}");
        for (state, units) in [("free", 10), ("held", 4), ("sold", 2)] {
            let line = format!("flashsale_sale_units{{sale=\"other\",state=\"{state}\"}} {units}");
            assert!(has_line(&second, &line), "{line}\n{second}");
        }
    }

    #[test]
    fn connections_are_counted_as_they_come_and_go_and_pools_as_they_are() {
        switch_on();
        let peers = Peers::of("a", 7);
        watch_pools("b", || {
            vec![PoolFigures { pool: "c", in_use: 1, idle: 2, waiting: 3, max: 4 }]
        });

        peers.came();
        peers.came();
        peers.gone();
        peers.gave_way();
        let text = render();

        for line in [
            "flashsale_http_connections{listener=\"a\"} 1",
            "flashsale_http_connections_max{listener=\"a\"} 7",
            "flashsale_http_connections_given_way_total{listener=\"a\"} 1",
            "flashsale_pool_connections{pool=\"c\",state=\"in_use\",store=\"b\"} 1",
            "flashsale_pool_connections{pool=\"c\",state=\"idle\",store=\"b\"} 2",
            "flashsale_pool_waiting{pool=\"c\",store=\"b\"} 3",
            "flashsale_pool_connections_max{pool=\"c\",store=\"b\"} 4",
        ] {
            assert!(has_line(&text, line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_thread_that_knows_many_figures_counts_the_others_too() {
        let _requests = REQUESTS.lock();
        switch_on();

        for status in 100..200 {
            for _ in 0..2 {
                Request::came().answered("GET", "/sales", status);
            }
        }
        let text = render();

        for status in 100..200 {
            let line = format!(
                "http_server_request_duration_seconds_count{{http_request_method=\"GET\",\
                 http_response_status_code=\"{status}\",http_route=\"/sales\"}} 2"
            );
            assert!(has_line(&text, &line), "{line}");
        }
    }
}
