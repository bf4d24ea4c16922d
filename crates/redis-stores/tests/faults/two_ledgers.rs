//! Two ledgers, each with a sale of the same number, on one server.

use std::error::Error;

use dev_servers::RedisServer;
use domain::{
    Epoch, Failure, Sale, StoreError,
    ports::{Duty, HoldRequest, LoadReply, SaleSnapshot, TurnAsked, Turns as _, Verdict},
    processes::ProcessId,
};
use store_contract::{
    Live,
    fixtures::{NOW, new_code, nth_user, open_sale, user},
};

use crate::stores::{Ledger, live_at, stores_at};

/// A live store for each of two ledgers, in databases of these numbers.
fn two_on(server: &RedisServer, databases: [u8; 2]) -> [Live; 2] {
    let on = |ledger, database| live_at(&format!("{}/{database}", server.url()), Ledger(ledger));
    [on(1, databases[0]), on(2, databases[1])]
}

#[tokio::test(flavor = "multi_thread")]
async fn database_numbers_do_not_meet() {
    let server = RedisServer::start().unwrap();
    let shops = two_on(&server, [0, 1]);
    let sale = open_sale(50, 1);
    let other = Sale { epoch: Epoch(9), ..sale };

    assert_eq!(shops[0].load(sale, vec![]).await, LoadReply::Loaded);
    assert_eq!(shops[1].load(other, vec![]).await, LoadReply::Loaded);

    for number in 0..50 {
        assert_eq!(shops[0].take(&sale, &nth_user(number)).await.epoch, Epoch(1));
        assert_eq!(shops[1].take(&other, &nth_user(number)).await.epoch, Epoch(9));
    }
    // What one forgets, the other keeps; and neither fences the other.
    shops[1].sales.forget(sale.id).await.unwrap();
    assert_eq!(shops[0].counts(&sale).await, [0, 50, 0]);
    assert_eq!(shops[1].load(sale, vec![]).await, LoadReply::Loaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sale_of_another_ledger_is_neither_served_nor_touched() {
    let server = RedisServer::start().unwrap();
    let [first, second] = two_on(&server, [0, 0]);
    let sale = open_sale(5, 5);
    first.load(sale, vec![]).await;
    let grant = first.take(&sale, &user("ann")).await;

    for epoch in [Epoch(1), Epoch(2)] {
        let snapshot = SaleSnapshot { sale: Sale { epoch, ..sale }, live: vec![] };
        assert_is_of_other(second.sales.load(&snapshot, NOW).await);
    }
    assert_is_of_other(second.sales.status(sale.id).await);
    assert_is_of_other(second.sales.forget(sale.id).await);
    let request = HoldRequest { code: new_code(sale.id), user: user("bob"), has_key: false };
    assert_is_of_other(second.codes.place_hold(request).await);
    assert_is_of_other(second.codes.due(sale.id, 10).await);
    assert_is_of_other(second.codes.settle(sale.id, &[(grant.code, Verdict::Free)]).await);

    assert_eq!(first.counts(&sale).await, [4, 1, 0]);
    assert_eq!(first.find(grant.code).await, Some(grant.unit));
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_turn_it_is_at_a_sale_is_no_matter_of_another_ledgers_sale_of_its_number() {
    let server = RedisServer::start().unwrap();
    let of_ledger = |ledger| stores_at(&server.url(), Ledger(ledger));
    let (first, second) = (of_ledger(1), of_ledger(2));
    let sale = open_sale(5, 5).id;
    let asked = |by| {
        let by = ProcessId(by);
        TurnAsked { sale, duty: Duty::Sweep, by, for_ms: 60_000, has_failed: false }
    };

    assert!(first.take(asked(1)).await.unwrap());
    assert!(second.take(asked(2)).await.unwrap());
    assert!(!first.take(asked(2)).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ledger_is_not_kept_waiting_by_what_the_server_remembers_of_an_old_one() {
    let server = RedisServer::start().unwrap();
    let [old, new] = two_on(&server, [0, 0]);
    let sale = open_sale(5, 5);
    old.load(Sale { epoch: Epoch(97), ..sale }, vec![]).await;

    server.flush_all().unwrap();

    assert_eq!(new.load(sale, vec![]).await, LoadReply::Loaded);
    new.take(&sale, &user("ann")).await;
}

fn assert_is_of_other<T: std::fmt::Debug>(reply: Result<T, StoreError>) {
    let error = reply.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
    let why = error.source().unwrap().to_string();
    assert!(why.contains("another ledger") && why.contains("REDIS_URL"), "{why}");
}
