//! Which ways from processes to stores are closed, and which connections broke.

use std::collections::BTreeMap;

use domain::ports::Store;

/// Which ways are closed, and until when, in milliseconds since the run began.
#[derive(Default)]
pub(crate) struct Network {
    down_until: BTreeMap<Store, u64>,
    cut_off_until: BTreeMap<(u16, Store), u64>,
    restarts: BTreeMap<Store, u64>,
    /// How often the ledger went back to a backup.
    restorations: u64,
}

impl Network {
    pub(crate) fn take_down(&mut self, store: Store, until_ms: u64) {
        self.down_until.insert(store, until_ms);
        self.restart(store);
    }

    pub(crate) fn cut_off(&mut self, process: u16, store: Store, until_ms: u64) {
        self.cut_off_until.insert((process, store), until_ms);
    }

    /// Breaks all connections to a store.
    pub(crate) fn restart(&mut self, store: Store) {
        *self.restarts.entry(store).or_insert(0) += 1;
    }

    /// How often the connections to a store broke.
    pub(crate) fn restarts(&self, store: Store) -> u64 {
        self.restarts.get(&store).copied().unwrap_or(0)
    }

    /// Breaks all connections to the ledger, with all that is in flight there: what of it was done is
    /// not in the backup.
    pub(crate) fn restore_ledger(&mut self) {
        self.restart(Store::Ledger);
        self.restorations += 1;
    }

    /// How often what was in flight to a store was lost with it.
    pub(crate) fn restorations(&self, store: Store) -> u64 {
        if store == Store::Ledger { self.restorations } else { 0 }
    }

    pub(crate) fn is_down(&self, store: Store, now_ms: u64) -> bool {
        self.down_until.get(&store).is_some_and(|&until| now_ms < until)
    }

    pub(crate) fn is_cut_off(&self, process: u16, store: Store, now_ms: u64) -> bool {
        self.cut_off_until.get(&(process, store)).is_some_and(|&until| now_ms < until)
    }
}
