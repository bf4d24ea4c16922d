//! Connections: of those who ask, and to the stores.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use crate::{
    figures::{FIGURES, counters, gauges},
    is_on,
};

/// The families of connections.
pub(crate) struct Connections {
    peers: IntGaugeVec,
    peers_max: IntGaugeVec,
    peers_given_way: IntCounterVec,
    pool: IntGaugeVec,
    pool_max: IntGaugeVec,
    pool_waiting: IntGaugeVec,
}

/// The connections to a listener of this process. Counted as they come and go, not as they ask.
#[derive(Debug, Clone)]
pub struct Peers {
    connected: IntGauge,
    given_way: IntCounter,
}

/// The connections to a store that are had from one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolFigures {
    /// What it is for, such as `upkeep`.
    pub pool: &'static str,
    /// Connections that somebody has, for a call or for good.
    pub in_use: usize,
    /// Connections that nobody has at present.
    pub idle: usize,
    /// Those who wait for one.
    pub waiting: usize,
    /// How many there may be.
    pub max: usize,
}

/// Says how the pools of a store are just now; none any more when the store is gone.
type Look = Box<dyn Fn() -> Vec<PoolFigures> + Send>;

static POOLS: Mutex<BTreeMap<&'static str, Look>> = Mutex::new(BTreeMap::new());

/// Looks at the pools of a store whenever somebody watches. Whoever uses them pays nothing for it.
pub fn watch_pools(store: &'static str, look: impl Fn() -> Vec<PoolFigures> + Send + 'static) {
    POOLS.lock().unwrap_or_else(PoisonError::into_inner).insert(store, Box::new(look));
}

/// Shows the pools as they are now.
pub(crate) fn look_at_pools() {
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let families = &FIGURES.connections;
    for (store, look) in &*POOLS.lock().unwrap_or_else(PoisonError::into_inner) {
        for PoolFigures { pool, in_use, idle, waiting, max } in look() {
            let of = [*store, pool];
            families.pool.with_label_values(&[*store, pool, "in_use"]).set(whole(in_use));
            families.pool.with_label_values(&[*store, pool, "idle"]).set(whole(idle));
            families.pool_waiting.with_label_values(&of).set(whole(waiting));
            families.pool_max.with_label_values(&of).set(whole(max));
        }
    }
}

impl Connections {
    pub(crate) fn new(registry: &Registry) -> Self {
        let (listener, pool) = (&["listener"], &["store", "pool"]);
        Self {
            peers: gauges(
                registry,
                "flashsale_http_connections",
                "Connections to a listener, idle ones too",
                listener,
            ),
            peers_max: gauges(
                registry,
                "flashsale_http_connections_max",
                "Connections that a listener takes",
                listener,
            ),
            peers_given_way: counters(
                registry,
                "flashsale_http_connections_given_way_total",
                "Idle connections that were closed because nearly all were taken",
                listener,
            ),
            pool: gauges(
                registry,
                "flashsale_pool_connections",
                "Connections to a store, in use or idle",
                &["store", "pool", "state"],
            ),
            pool_max: gauges(
                registry,
                "flashsale_pool_connections_max",
                "Connections to a store that there may be",
                pool,
            ),
            pool_waiting: gauges(
                registry,
                "flashsale_pool_waiting",
                "Those who wait for a connection to a store",
                pool,
            ),
        }
    }
}

impl Peers {
    /// Those of the listener of this name, which takes so many.
    #[must_use]
    pub fn of(listener: &'static str, connections_max: usize) -> Self {
        let families = &FIGURES.connections;
        let max = i64::try_from(connections_max).unwrap_or(i64::MAX);
        families.peers_max.with_label_values(&[listener]).set(max);
        Self {
            connected: families.peers.with_label_values(&[listener]),
            given_way: families.peers_given_way.with_label_values(&[listener]),
        }
    }

    /// One came.
    pub fn came(&self) {
        if is_on() {
            self.connected.inc();
        }
    }

    /// One that had come is gone.
    pub fn gone(&self) {
        if is_on() {
            self.connected.dec();
        }
    }

    /// An idle one was closed to make room.
    pub fn gave_way(&self) {
        if is_on() {
            self.given_way.inc();
        }
    }
}
