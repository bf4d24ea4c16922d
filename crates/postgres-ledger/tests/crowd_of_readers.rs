//! Neither upkeep nor buyers wait for readers.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use std::sync::Arc;

use domain::{
    Code, Failure, NewSale, Origin, ProductId, Sale, Terms, Window,
    ports::{CodeOwners as _, Products as _, RaiseReply, SaleRegister},
};
use postgres_ledger::PostgresLedger;
use store_contract::fixtures::{WallClock, until};
use tokio::task::JoinSet;

use crate::database::{SERVER, fresh_database, ledger_in};

/// A session that has a table to itself until this is dropped.
struct InTheWay(Option<std::thread::JoinHandle<()>>);

impl InTheWay {
    async fn of(database: &str, table: &str) -> Self {
        let lock = format!(
            "SET application_name = 'in the way'; BEGIN; \
             LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)"
        );
        let session = std::thread::spawn({
            let database = database.to_owned();
            move || drop(SERVER.psql(&database, &lock))
        });
        let is_locked = format!(
            "SELECT count(*) FROM pg_locks WHERE granted AND \
             mode = 'AccessExclusiveLock' AND relation = '{table}'::regclass"
        );
        until(&WallClock, async || {
            (SERVER.psql(database, &is_locked).unwrap().trim() == "1").then_some(())
        })
        .await;
        Self(Some(session))
    }

    fn end(mut self, database: &str) {
        let end = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE application_name = 'in the way' AND datname = '{database}'"
        );
        SERVER.psql("postgres", &end).unwrap();
        self.0.take().unwrap().join().unwrap();
    }
}

async fn open_sale(ledger: &PostgresLedger) -> Sale {
    let now = ledger.now().await.unwrap();
    let window = Window::new(now, now + 60_000).unwrap();
    let terms = Terms::new(100, 1, 60_000).unwrap();
    let sale = NewSale::unnamed(window, terms, Origin::Operator);
    ledger.schedule(sale).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_rebuilt_and_bought_of_while_a_crowd_of_readers_waits() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let sale = open_sale(&ledger).await;
    let readers = Arc::new(ledger.on_this_thread(None));
    readers.tally(sale.id).await.unwrap();
    // Whoever counts waits for it; nothing that the upkeep or a buyer does here reads this table.
    let in_the_way = InTheWay::of(&database, "sold_counts").await;
    let mut crowd = JoinSet::new();
    for _ in 0..1_000 {
        let readers = Arc::clone(&readers);
        crowd.spawn(async move { readers.tally(sale.id).await });
    }
    let turned_away = until(&WallClock, async || {
        let error = crowd.try_join_next()?.unwrap().unwrap_err();
        Some(error.failure())
    });
    assert_eq!(turned_away.await, Failure::Overloaded);

    let calendar = ledger.calendar().await.unwrap();
    let raised = ledger.raise_epoch(sale.id, None).await.unwrap();
    let owner = readers.owner(Code::new(sale.id, 7)).await.unwrap();

    assert_eq!(calendar.sales, [sale]);
    assert!(matches!(raised, RaiseReply::Raised(_)), "{raised:?}");
    assert_eq!(owner, None, "each purchase asks that first");
    let mut waiting = 0;
    while let Some(read) = crowd.join_next().await {
        waiting += usize::from(read.unwrap().unwrap_err().failure() != Failure::Overloaded);
    }
    assert_eq!(waiting, 512, "so many may wait");
    in_the_way.end(&database);
    readers.tally(sale.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_rebuilt_while_a_crowd_waits_for_products() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let sale = open_sale(&ledger).await;
    let readers = Arc::new(ledger.for_readers());
    let lamp = ProductId::try_from(1).unwrap();
    assert_eq!(readers.current(&[lamp]).await.unwrap(), []);
    let in_the_way = InTheWay::of(&database, "product_versions").await;
    let mut crowd = JoinSet::new();
    for _ in 0..1_000 {
        let readers = Arc::clone(&readers);
        crowd.spawn(async move { readers.current(&[lamp]).await });
    }
    let turned_away = until(&WallClock, async || {
        let error = crowd.try_join_next()?.unwrap().unwrap_err();
        Some(error.failure())
    });
    assert_eq!(turned_away.await, Failure::Overloaded);

    let in_use = |name| ledger.pools().into_iter().find(|it| it.pool == name).unwrap().in_use;
    until(&WallClock, async || (in_use("reads") == 4).then_some(())).await;
    assert_eq!(in_use("upkeep"), 0);
    let calendar = ledger.calendar().await.unwrap();
    let raised = ledger.raise_epoch(sale.id, None).await.unwrap();

    assert_eq!(calendar.sales, [sale]);
    assert!(matches!(raised, RaiseReply::Raised(_)), "{raised:?}");
    in_the_way.end(&database);
    crowd.shutdown().await;
    readers.current(&[lamp]).await.unwrap();
}
