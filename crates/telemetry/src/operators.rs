//! Whom the service does not let in where operators are.

use prometheus::{IntCounterVec, IntGauge, Registry};

use crate::{
    figures::{FIGURES, counters, gauge},
    is_on,
};

/// What is counted of operators.
pub(crate) struct Operators {
    refused: IntCounterVec,
    tokens_outdated: IntGauge,
}

impl Operators {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            refused: counters(
                registry,
                "flashsale_operators_refused_total",
                "Requests to operators' routes that were not let in, by what is wrong",
                &["reason"],
            ),
            tokens_outdated: gauge(
                registry,
                "flashsale_operator_tokens_outdated",
                "1 while the file of operators' tokens cannot be used and those read before are",
            ),
        }
    }
}

/// Counts a request of somebody who is not let in, by the reason.
pub fn operator_refused(reason: &'static str) {
    if is_on() {
        FIGURES.operators.refused.with_label_values(&[reason]).inc();
    }
}

/// Shows whether the tokens of operators are those of a file that cannot be used any more.
pub fn show_operator_tokens_outdated(are_outdated: bool) {
    if is_on() {
        FIGURES.operators.tokens_outdated.set(are_outdated.into());
    }
}
