//! A server that turns the service away, and what is said of it.

use std::error::Error;

use dev_servers::RedisServer;
use domain::{
    Failure, StoreError,
    ports::{HoldRequest, Verdict},
};
use redis_stores::RIGHTS;
use store_contract::{
    Live,
    fixtures::{new_code, open_sale, until, user},
};

use crate::{
    call,
    stores::{Ledger, live_at, live_on},
};

/// A server with a user of these rights beside its own, and a live store of that user.
fn as_user(rights: &str) -> (RedisServer, Live) {
    let server = RedisServer::start().unwrap();
    let words = ["ACL", "SETUSER", "shop", "on", ">secret", "resetkeys"].into_iter();
    call(&server, &words.chain(rights.split_whitespace()).collect::<Vec<_>>());
    let live = live_at(&url_of(&server, "shop:secret"), Ledger(7));
    (server, live)
}

fn url_of(server: &RedisServer, who: &str) -> String {
    server.url().replacen("redis://", &format!("redis://{who}@"), 1)
}

async fn why_no_hold(live: &Live) -> (Failure, String) {
    let request = HoldRequest { code: new_code(open_sale(1, 1).id), user: user("ann") };
    let error: StoreError = live.codes.place_hold(request).await.unwrap_err();
    (error.failure(), error.source().unwrap().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_listed_are_enough() {
    let (_server, live) = as_user(RIGHTS);

    let sale = live.open(20_000, 5).await;
    let [sold, freed, put_off] = [
        live.take(&sale, &user("ann")).await,
        live.take(&sale, &user("bob")).await,
        live.take(&sale, &user("cid")).await,
    ];
    assert_eq!(live.find(sold.code).await, Some(sold.unit));
    live.settle(&sale, &[(sold.code, Verdict::Sold), (put_off.code, Verdict::Held { left_ms: 1 })])
        .await;
    live.settle(&sale, &[(freed.code, Verdict::Free)]).await;
    until(&*live.clock, async || (!live.due(&sale, 10).await.is_empty()).then_some(())).await;
    assert_eq!(live.counts(&sale).await, [19_998, 1, 1]);
    live.sales.forget(sale.id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_named_and_not_called_silence() {
    for (right, named) in [("+fcall", "lacks a right"), ("+function|load", "+function|load")] {
        let (_server, live) = as_user(&RIGHTS.replace(right, ""));

        let (failure, why) = why_no_hold(&live).await;

        assert_eq!(failure, Failure::NotDone, "{right}: {why}");
        assert!(why.starts_with("Redis refuses: ") && why.contains(named), "{right}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_a_function_lacks_is_named_although_it_may_have_stopped_half_way() {
    let (_server, live) = as_user(&RIGHTS.replace("+lpop", ""));
    let sale = live.open(5, 5).await;
    let request = HoldRequest { code: new_code(sale.id), user: user("ann") };

    let error = live.codes.place_hold(request).await.unwrap_err();

    assert_eq!(error.failure(), Failure::Unknown);
    let why = error.source().unwrap().to_string();
    assert!(why.contains("may not run a command"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_the_server_does_not_know_is_refused_and_not_out_of_reach() {
    let (server, _live) = as_user(RIGHTS);
    let stranger = live_at(&url_of(&server, "shop:wrong"), Ledger(7));

    let (failure, why) = why_no_hold(&stranger).await;

    assert_eq!(failure, Failure::NotDone);
    assert!(why.contains("a user and a password"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_says_that_the_primary_is_wanted() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    assert_eq!(live.sales.status(open_sale(1, 1).id).await.unwrap(), None);
    call(&server, &["REPLICAOF", "127.0.0.1", "1"]);

    let (failure, why) = why_no_hold(&live).await;

    assert_eq!(failure, Failure::NotDone);
    assert!(why.contains("primary"), "{why}");
}
