//! A directory with a ledger in it, for one test, and the sales of it.

use std::{num::NonZeroUsize, sync::Arc, time::SystemTime};

use batcher::Limits;
use domain::{
    Code, NewSale, Origin, Sale, Terms, UnixMillis, Window,
    ports::{CodeRecord, Grant, LedgerStore, RaiseReply, Recorded, SaleRegister},
};
use sqlite_ledger::{DataDir, Database, LedgerClock, SqliteLedger};
use store_contract::fixtures::{HOUR, WallClock, until};

/// A directory that is gone with this value.
pub(crate) struct Shop(tempfile::TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn dir(&self) -> DataDir {
        DataDir::at(self.0.path().join("data"))
    }

    pub(crate) fn ledger(&self) -> SqliteLedger {
        SqliteLedger::serve(self.dir(), &wall_clock(), limits()).unwrap()
    }

    /// The same ledger by a way of its own, as another process would come to it.
    pub(crate) fn database(&self) -> Database {
        Database::open_existing(&self.dir()).unwrap()
    }
}

pub(crate) fn limits() -> Limits {
    let max = |count| NonZeroUsize::new(count).unwrap();
    Limits::patient(max(16_384), max(256))
}

/// The clock of this machine.
#[expect(clippy::disallowed_methods, reason = "a ledger's clock is the machine's")]
pub(crate) fn wall_clock() -> LedgerClock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        UnixMillis(since.as_millis().try_into().unwrap())
    })
}

/// A sale that is on, with holds that last, at epoch 1.
pub(crate) async fn a_sale(ledger: &SqliteLedger) -> Sale {
    a_sale_of(ledger, HOUR, HOUR).await
}

/// A sale that began a second ago and lasts so long, at epoch 1.
pub(crate) async fn a_sale_of(ledger: &SqliteLedger, length_ms: i64, hold_ms: i64) -> Sale {
    let sale = schedule(ledger, length_ms, hold_ms).await;
    raise(ledger, sale).await
}

pub(crate) async fn schedule(ledger: &SqliteLedger, length_ms: i64, hold_ms: i64) -> Sale {
    let starts_at = ledger.now().await.unwrap() + -1_000;
    let window = Window::new(starts_at, starts_at + length_ms).unwrap();
    let terms = Terms::new(10_000, 5, hold_ms).unwrap();
    ledger.schedule(NewSale::unnamed(window, terms, Origin::Timetable)).await.unwrap().unwrap()
}

pub(crate) async fn raise(ledger: &SqliteLedger, sale: Sale) -> Sale {
    let raised =
        until(&WallClock, async || match ledger.raise_epoch(sale.id, None).await.unwrap() {
            RaiseReply::Raised(snapshot) => Some(snapshot.sale),
            RaiseReply::TooSoon => None,
            other => panic!("{other:?}"),
        });
    raised.await
}

pub(crate) async fn record(
    ledger: &SqliteLedger,
    sale: &Sale,
    name: &str,
    grant: Grant,
) -> Recorded {
    store_contract::record(ledger, sale, name, grant).await.unwrap()
}

pub(crate) async fn find(ledger: &SqliteLedger, code: Code) -> CodeRecord {
    LedgerStore::find(ledger, code).await.unwrap()
}
