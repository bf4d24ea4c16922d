//! The server that is the ledger, where there is one.

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::{
    figures::{FIGURES, counters, gauges, registered},
    is_on,
};

/// The families of it.
pub(crate) struct Ledger {
    timeline: IntGauge,
    durability: IntGaugeVec,
    sync_standbys: IntGaugeVec,
    races: IntCounterVec,
    retired: IntCounter,
}

impl Ledger {
    pub(crate) fn new(registry: &Registry) -> Self {
        let races = counters(
            registry,
            "flashsale_ledger_races_total",
            "Times that the hosts of the ledger were asked which of them it is, by what came of it",
            &["outcome"],
        );
        for is_found in [true, false] {
            races.with_label_values(&[outcome(is_found)]);
        }
        Self {
            races,
            timeline: registered(
                registry,
                IntGauge::new(
                    "flashsale_ledger_timeline",
                    "Timeline of the server that is the ledger",
                ),
            ),
            durability: gauges(
                registry,
                "flashsale_ledger_durability",
                "Whether the server keeps answers as far as was asked: 1, or 0",
                &["asked"],
            ),
            // Without labels, and not shown where nobody knows.
            sync_standbys: gauges(
                registry,
                "flashsale_ledger_sync_standbys",
                "Standbys that confirm what is written, as the server has it",
                &[],
            ),
            retired: registered(
                registry,
                IntCounter::with_opts(Opts::new(
                    "flashsale_ledger_connections_retired_total",
                    "Connections to the ledger that were closed because they were trusted no more",
                )),
            ),
        }
    }
}

const fn outcome(is_found: bool) -> &'static str {
    if is_found { "found" } else { "none" }
}

/// The ledger is on a server of this timeline; 0 says that it is not known.
pub fn ledger_is_on(timeline: u32) {
    if is_on() {
        FIGURES.ledger.timeline.set(timeline.into());
    }
}

/// Whether the server that was looked at last keeps answers as far as was asked.
pub fn ledger_keeps(asked: &'static str, is_met: bool) {
    if is_on() {
        FIGURES.ledger.durability.with_label_values(&[asked]).set(is_met.into());
    }
}

/// So many standbys confirm what the ledger writes, if that is known.
pub fn ledger_is_confirmed_by(standbys: Option<i64>) {
    if !is_on() {
        return;
    }
    let shown = &FIGURES.ledger.sync_standbys;
    match standbys {
        Some(standbys) => shown.with_label_values::<&str>(&[]).set(standbys),
        None => shown.reset(),
    }
}

/// All hosts of the ledger were asked which of them it is.
pub fn ledger_race_ended(is_found: bool) {
    if is_on() {
        FIGURES.ledger.races.with_label_values(&[outcome(is_found)]).inc();
    }
}

/// A connection to the ledger was closed because it was trusted no more.
pub fn ledger_connection_retired() {
    if is_on() {
        FIGURES.ledger.retired.inc();
    }
}
