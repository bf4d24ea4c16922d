//! Readers and upkeep do not wait for each other.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use std::sync::Arc;

use domain::{
    Failure, NewSale, Origin, Terms, Window,
    ports::{RaiseReply, SaleRegister},
};
use store_contract::fixtures::{WallClock, until};
use tokio::task::JoinSet;

use crate::database::{SERVER, fresh_database, ledger_in};

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_rebuilt_while_a_crowd_of_readers_waits() {
    let database = fresh_database().await;
    let ledger = ledger_in(&database);
    let now = ledger.now().await.unwrap();
    let window = Window::new(now, now + 60_000).unwrap();
    let terms = Terms::new(100, 1, 60_000).unwrap();
    let sale =
        ledger.schedule(NewSale::unnamed(window, terms, Origin::Operator)).await.unwrap().unwrap();
    let readers = Arc::new(ledger.on_this_thread(None));
    readers.tally(sale.id).await.unwrap();
    // Whoever counts waits for it; nothing that the upkeep does here reads this table.
    let lock = "SET application_name = 'in the way'; BEGIN; \
         LOCK TABLE sold_counts IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3600)";
    let in_the_way = std::thread::spawn({
        let database = database.clone();
        move || drop(SERVER.psql(&database, lock))
    });
    let is_locked = "SELECT count(*) FROM pg_locks WHERE granted AND \
                     mode = 'AccessExclusiveLock' AND relation = 'sold_counts'::regclass";
    until(&WallClock, async || {
        (SERVER.psql(&database, is_locked).unwrap().trim() == "1").then_some(())
    })
    .await;
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

    assert_eq!(calendar.sales, [sale]);
    assert!(matches!(raised, RaiseReply::Raised(_)), "{raised:?}");
    let mut waiting = 0;
    while let Some(read) = crowd.join_next().await {
        waiting += usize::from(read.unwrap().unwrap_err().failure() != Failure::Overloaded);
    }
    assert_eq!(waiting, 512, "so many may wait");
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE application_name = 'in the way'";
    SERVER.psql("postgres", end).unwrap();
    in_the_way.join().unwrap();
    readers.tally(sale.id).await.unwrap();
}
