//! Whom the service does not know, and who asks too often.

use prometheus::{IntCounterVec, IntGauge, Registry};

use crate::{
    figures::{FIGURES, counters, gauge},
    is_on,
};

/// What is counted of buyers before anything is asked for them.
pub(crate) struct Buyers {
    tokens_refused: IntCounterVec,
    keys_outdated: IntGauge,
    limited: IntCounterVec,
}

impl Buyers {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            tokens_refused: counters(
                registry,
                "flashsale_tokens_refused_total",
                "Requests without a token that says who the buyer is, by what is wrong",
                &["reason"],
            ),
            keys_outdated: gauge(
                registry,
                "flashsale_token_keys_outdated",
                "1 while the file of the keys cannot be used and those read before are",
            ),
            limited: counters(
                registry,
                "flashsale_limited_total",
                "Requests beyond a limit, by whose it is",
                &["limit"],
            ),
        }
    }
}

/// Counts a request whose buyer is not known, by the reason.
pub fn token_refused(reason: &'static str) {
    if is_on() {
        FIGURES.buyers.tokens_refused.with_label_values(&[reason]).inc();
    }
}

/// Shows whether the keys that tokens are checked with are those of a file that cannot be used any
/// more.
pub fn show_token_keys_outdated(are_outdated: bool) {
    if is_on() {
        FIGURES.buyers.keys_outdated.set(are_outdated.into());
    }
}

/// Counts a request that is beyond a limit, `client` or `user`.
pub fn limited(limit: &'static str) {
    if is_on() {
        FIGURES.buyers.limited.with_label_values(&[limit]).inc();
    }
}
