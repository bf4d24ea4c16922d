//! Whether the process can sell, as whoever watches hears it without asking `/health`.

use prometheus::{IntGauge, IntGaugeVec, Registry};

use crate::{
    figures::{FIGURES, gauge, gauges},
    is_on,
};

/// What can be said of a store.
const STATES: [&str; 3] = ["up", "refuses", "down"];

/// What is shown of the health.
pub(crate) struct Health {
    can_sell: IntGauge,
    store_state: IntGaugeVec,
}

impl Health {
    pub(crate) fn new(registry: &Registry) -> Self {
        Self {
            can_sell: gauge(
                registry,
                "flashsale_can_sell",
                "1 while the process can sell, as `/health` has it, and 0 while it cannot",
            ),
            store_state: gauges(
                registry,
                "flashsale_store_state",
                "1 for the state that a store is in, and 0 for the others",
                &["store", "state"],
            ),
        }
    }
}

/// Shows whether the process can sell, and how each store of which that is known is found: `up`, `refuses`
/// (it answers, and does not do what a checkout asks of it) or `down`.
pub fn show_health(can_sell: bool, stores: &[(&'static str, &'static str)]) {
    if !is_on() {
        return;
    }
    let shown = &FIGURES.health;
    shown.can_sell.set(can_sell.into());
    for &(store, is) in stores {
        for state in STATES {
            shown.store_state.with_label_values(&[store, state]).set((state == is).into());
        }
    }
}
