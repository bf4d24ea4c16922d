//! A live store on a server of a test program.

#![allow(dead_code, reason = "each of them uses some of it")]

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use batcher::Limits;
use credentials::Access;
use dev_servers::RedisServer;
use domain::{LedgerId, StoreError, ports::LedgerIdentity};
use redis_stores::RedisStores;
use store_contract::{Live, fixtures::WallClock, processes::Told};

/// A ledger that is this one.
pub(crate) struct Ledger(pub(crate) u128);

#[async_trait]
impl LedgerIdentity for Ledger {
    async fn identity(&self) -> Result<LedgerId, StoreError> {
        Ok(LedgerId(self.0))
    }
}

/// A live store on this server, with room for a crowd: one process of the service.
pub(crate) fn live_on(server: &RedisServer) -> Live {
    live_at(&server.url(), Ledger(7))
}

/// A live store on the database of this URL, for this ledger.
pub(crate) fn live_at(url: &str, ledger: Ledger) -> Live {
    Live::new(Arc::new(stores_at(url, ledger)), Arc::new(WallClock))
}

/// A live store that one gets into so, for this ledger.
pub(crate) fn live_in(access: Access, ledger: Ledger) -> Live {
    Live::new(Arc::new(stores_in(access, ledger)), Arc::new(WallClock))
}

/// The same, as it is.
pub(crate) fn stores_at(url: &str, ledger: Ledger) -> RedisStores {
    stores_in(Access::to_redis(url), ledger)
}

fn stores_in(access: Access, ledger: Ledger) -> RedisStores {
    let max = |it| NonZeroUsize::new(it).unwrap();
    let limits = Limits::patient(max(4_096), max(256));
    RedisStores::new(access, Arc::new(ledger), limits).unwrap()
}

/// Two processes at this URL, of a ledger of their own.
pub(crate) fn told_at(url: &str) -> Told {
    static LEDGERS: AtomicU64 = AtomicU64::new(1_000);
    let ledger = u128::from(LEDGERS.fetch_add(1, Ordering::Relaxed));
    let process = || Arc::new(stores_at(url, Ledger(ledger)));
    Told { one: process(), other: process() }
}
