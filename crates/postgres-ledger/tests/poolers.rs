//! A ledger behind a pooler. Each test has a database of its own.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use crate::database::{SERVER, fresh_database};
use credentials::Access;
use dev_servers::{Pooler, Pooling};
use domain::ports::SaleRegister;
use futures_util::FutureExt as _;
use postgres_ledger::{Connections, Durability, MigrateError, PostgresLedger};
use store_contract::fixtures::{WallClock, until};

/// A ledger behind a pooler that has so many connections to the server.
async fn behind(pooling: Pooling, connections: u16) -> (Pooler, PostgresLedger) {
    let database = fresh_database().await;
    let pooler = Pooler::to(&SERVER, pooling, connections).unwrap();
    let limits = batcher::Limits::patient(9.try_into().unwrap(), 9.try_into().unwrap());
    let room = Connections::for_threads(1);
    let access = Access::to_database(pooler.url(&database));
    let ledger = PostgresLedger::new(access, Durability::Single, room, limits).unwrap();
    (pooler, ledger)
}

/// Also where nobody else is there: then it hands out the same connection again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_transaction_mode_is_refused_however_many_connections_it_has() {
    for connections in [1, 2, 20] {
        let (_pooler, ledger) = behind(Pooling::Transaction, connections).await;

        let refused = ledger.migrate().await.unwrap_err();
        let said = format!("{refused:?}: {}", std::error::Error::source(&refused).unwrap());

        assert!(refused.is_final() && matches!(refused, MigrateError::WrongWay(_)), "{said}");
        assert!(said.contains("a pooler in transaction mode is between"), "{said}");
        let asked = ledger.now().await.unwrap_err();
        assert!(format!("{asked:?}").contains("Pooler"), "{asked:?}");
    }
}

/// The whole of a ledger's work is in the contract; here it is enough that sessions are kept apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_session_mode_is_as_good_as_none() {
    // One that has no second connection to give cannot be looked through, and need not be.
    for connections in [1, 20] {
        let (_pooler, ledger) = behind(Pooling::Session, connections).await;

        assert_eq!(ledger.migrate().await.unwrap(), 0);
        ledger.now().await.unwrap();
        ledger.calendar().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_changes_to_transaction_mode_is_noticed_and_refused() {
    let (pooler, ledger) = behind(Pooling::Session, 20).await;
    ledger.calendar().await.unwrap();
    assert!(ledger.unusable().now_or_never().is_none());

    pooler.change_to(Pooling::Transaction).unwrap();

    let unusable = until(&WallClock, async || {
        let _ = tokio::join!(ledger.calendar(), ledger.now(), ledger.calendar(), ledger.now());
        ledger.unusable().now_or_never()
    });
    let said = unusable.await;
    let cause = std::error::Error::source(&said).unwrap().to_string();
    assert!(said.is_final() && cause.contains("a pooler in transaction mode"), "{said:?}");
}
