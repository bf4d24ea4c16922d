//! What the service counts and times, for whoever watches it: metrics, as Prometheus reads them.
//!
//! Everything is counted where all of a kind come through, and nowhere else: in the batcher, at the
//! connections of the stores, in the ledger's thread, in the router, in the scheduler. What counts
//! there pays a few atomic additions, and for a look-up of names what is once a batch or once a request; before [`switch_on`] it pays for a look at one flag.
//!
//! Names and units follow Prometheus' conventions, and those of HTTP OpenTelemetry's. No label ever
//! holds a user, a code or anything else that somebody outside chooses; sales are labelled by their
//! number, at most [`SALES_MAX`] of them.
//!
//! The numbers are this process's. They begin anew with it.

mod figures;
mod handles;
mod sales;

use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::{Encoder, TextEncoder};

use self::figures::FIGURES;

pub use self::{
    handles::{
        Queue, Request, Watch, checkout_ended, happened, log_line_lost, purchase_ended, step_ended,
        store_call_ended,
    },
    sales::{SALES_MAX, SaleFigures, show_sales},
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
    use super::*;

    /// Whether a line of what is rendered begins so.
    fn has_line(text: &str, start: &str) -> bool {
        text.lines().any(|line| line.starts_with(start))
    }

    #[test]
    fn what_is_counted_is_rendered_by_its_conventional_name() {
        switch_on();
        let queue = Queue::named("a");

        queue.entered();
        queue.left(1, Watch::start());
        queue.refused();
        store_call_ended("ledger", "b", Watch::start(), false);
        step_ended("sweep", Watch::start(), true);
        happened("sale closed", 2);
        checkout_ended("granted");
        purchase_ended("sold");
        log_line_lost();
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
            "flashsale_upkeep_events_total{event=\"sale closed\"} 2",
            "flashsale_checkouts_total{outcome=\"granted\"} 1",
            "flashsale_purchases_total{outcome=\"sold\"} 1",
            "flashsale_log_lines_lost_total 1",
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
    fn a_sale_that_is_at_hand_no_more_is_shown_no_more_and_never_too_many_are() {
        switch_on();
        let sale = |sale| SaleFigures { sale, epoch: 3, units: [5, 2, 1] };

        show_sales([sale(700_001)]);
        let first = render();
        show_sales((800_000..).map(sale).take(SALES_MAX + 1));
        let second = render();

        assert!(has_line(&first, "flashsale_sale_units{sale=\"700001\",state=\"held\"} 2"));
        assert!(has_line(&first, "flashsale_sale_epoch{sale=\"700001\"} 3"));
        assert!(!second.contains("700001"));
        assert_eq!(second.matches("flashsale_sale_epoch{").count(), SALES_MAX);
    }
}
