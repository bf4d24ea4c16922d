//! A server that turns the service away, and what is said of it.

use std::error::Error;

use dev_servers::{RedisServer, block};
use domain::{
    Failure, StoreError,
    ports::{HoldRequest, Verdict},
};
use store_contract::{
    Live,
    fixtures::{new_code, open_sale, until, user},
};

use crate::{
    call,
    stores::{Ledger, live_at, live_on},
};

/// What whoever serves may do, as the document has it.
fn rights() -> &'static str {
    block(include_str!("../../../../docs/rights.md"), "acl serving")
}

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
    let request =
        HoldRequest { code: new_code(open_sale(1, 1).id), user: user("ann"), has_key: false };
    let error: StoreError = live.codes.place_hold(request).await.unwrap_err();
    (error.failure(), error.source().unwrap().to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_listed_are_enough() {
    let (_server, live) = as_user(rights());

    let sale = live.open(20_000, 5).await;
    let [sold, freed, put_off] = [
        live.take(&sale, &user("ann")).await,
        live.take(&sale, &user("bob")).await,
        live.take(&sale, &user("cid")).await,
    ];
    assert_eq!(live.find(sold.code).await, Some(sold.unit));
    live.settle(
        &sale,
        &[
            (sold.code, Verdict::Sold { unit: sold.unit }),
            (put_off.code, Verdict::Held { unit: put_off.unit, left_ms: 1 }),
        ],
    )
    .await;
    live.settle(&sale, &[(freed.code, Verdict::Free)]).await;
    until(&*live.clock, async || (!live.due(&sale, 10).await.is_empty()).then_some(())).await;
    assert_eq!(live.counts(&sale).await, [19_998, 1, 1]);
    live.sales.forget(sale.id).await.unwrap();
}

/// Each of them, for none is listed that is not needed; and nothing was done.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_is_named_before_anything_is_done() {
    // Those for a look at the server, which is not needed, for a database that is not this one, for a
    // connection that is used again, and for what processes leave each other.
    let not_for_this = ["+info", "+multi", "+exec", "+select", "+ping", "+pexpire"];
    let named_otherwise = [("~sale:*", "lacks a right"), ("+fcall", "lacks a right")];
    let rights = rights().split_whitespace().filter(|right| !not_for_this.contains(right));
    for right in rights {
        let fewer = self::rights().split_whitespace().filter(|one| *one != right);
        let (server, live) = as_user(&fewer.collect::<Vec<_>>().join(" "));

        let (failure, why) = why_no_hold(&live).await;

        assert_eq!(failure, Failure::NotDone, "{right}: {why}");
        let named = named_otherwise.iter().find(|(one, _)| *one == right);
        let named = named.map_or(right, |(_, named)| named);
        assert!(why.starts_with("Redis refuses: ") && why.contains(named), "{right}: {why}");
        assert_eq!(call(&server, &["DBSIZE"]), "0", "{right}");
    }
}

/// Somebody takes the right away while the service runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_a_function_lacks_is_named_although_it_may_have_stopped_half_way() {
    let (server, live) = as_user(rights());
    let sale = live.open(5, 5).await;
    call(&server, &["ACL", "SETUSER", "shop", "-lpop"]);
    let request = HoldRequest { code: new_code(sale.id), user: user("ann"), has_key: false };

    let error = live.codes.place_hold(request).await.unwrap_err();

    assert_eq!(error.failure(), Failure::Unknown);
    let why = error.source().unwrap().to_string();
    assert!(why.contains("may not run a command"), "{why}");
}

/// A look at the server is no condition.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_look_at_the_server_serves_all_the_same() {
    let none = rights().replace("+info", "").replace("+multi", "").replace("+exec", "");
    // Redis gives the transaction up of whoever may not carry it out.
    for fewer in [none, rights().replace("+exec", "")] {
        let (_server, live) = as_user(&fewer);

        let sale = live.open(5, 5).await;

        live.take(&sale, &user("ann")).await;
    }
}

/// The library is long, and a server that refuses it refuses each of many calls.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_refuses_the_library_is_not_sent_it_with_each_call() {
    let (server, live) = as_user(&rights().replace("+function|load", ""));

    for _ in 0..50 {
        assert_eq!(why_no_hold(&live).await.0, Failure::NotDone);
    }

    // One of the first look, and one more only if five seconds have passed.
    let refused = call(&server, &["INFO", "commandstats"]);
    let loads = refused.lines().find(|line| line.starts_with("cmdstat_function|load:")).unwrap();
    let rejected = loads.split("rejected_calls=").nth(1).unwrap().split(',').next().unwrap();
    assert!(rejected.parse::<u32>().unwrap() <= 3, "{loads}");
}

/// What a server of ours can be made to say, by these commands, and what it is called.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_in_its_own_codes_is_a_refusal_that_passes() {
    for (breaks, mends, named) in [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "maxmemory"),
        (
            "CONFIG SET min-replicas-to-write 1",
            "CONFIG SET min-replicas-to-write 0",
            "min-replicas-to-write",
        ),
        ("ACL SETUSER default -fcall", "ACL SETUSER default +fcall", "lacks a right"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "primary"),
    ] {
        let server = RedisServer::start().unwrap();
        let live = live_on(&server);
        let sale = live.open(5, 5).await;
        call(&server, &breaks.split(' ').collect::<Vec<_>>());

        let request = HoldRequest { code: new_code(sale.id), user: user("ann"), has_key: false };
        let error = live.codes.place_hold(request).await.unwrap_err();

        let why = error.source().unwrap().to_string();
        assert_eq!(error.failure(), Failure::NotDone, "{breaks}: {why}");
        assert!(why.starts_with("Redis refuses: ") && why.contains(named), "{breaks}: {why}");
        assert!(error.remedy().is_some_and(|remedy| remedy.contains(named)), "{error:?}");
        call(&server, &mends.split(' ').collect::<Vec<_>>());
        live.take(&sale, &user("ann")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_the_server_does_not_know_is_refused_and_not_out_of_reach() {
    let (server, _live) = as_user(rights());
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
