//! A live store on the primary that three sentinels name.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod stores;

use std::{sync::LazyLock, time::Duration};

use credentials::{Access, NamedFile, REDIS};
use dev_servers::{Files, WatchSettings, WatchedRedis};
use domain::{
    Epoch, Failure, Sale, StoreError,
    ports::{HoldRequest, LoadReply, PlaceReply},
};
use store_contract::{
    Live,
    fixtures::{new_code, until, user},
    processes::Told,
};

use crate::stores::{Ledger, live_at, live_in, told_at};

/// Nobody waits longer than this for a server that is gone.
const SOON: Duration = Duration::from_secs(4);

/// The servers that all tests are on which break nothing.
static SERVERS: LazyLock<WatchedRedis> = LazyLock::new(|| WatchedRedis::start().unwrap());

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

mod processes {
    store_contract::processes_contract!(super::told);
}

/// Two processes of a ledger of their own.
async fn told() -> Told {
    told_at(&SERVERS.url())
}

/// A live store on the servers of this program. Each case has sales of its own numbers.
async fn live() -> Live {
    live_at(&SERVERS.url(), Ledger(7))
}

async fn place(live: &Live, sale: &Sale) -> Result<PlaceReply, StoreError> {
    let request = HoldRequest { code: new_code(sale.id), user: user("eve"), has_key: false };
    tokio::time::timeout(SOON, live.codes.place_hold(request)).await.unwrap()
}

/// A sale of five units, and a line to its server.
async fn a_sale_on(servers: &WatchedRedis) -> (Live, Sale) {
    let live = live_at(&servers.url(), Ledger(7));
    let sale = live.open(5, 5).await;
    live.take(&sale, &user("ann")).await;
    (live, sale)
}

/// Finds that the sale is not served any more, where it now is, and loads it there.
async fn assert_served_when_loaded(live: &Live, sale: &Sale) {
    until(&*live.clock, async || {
        let status = live.sales.status(sale.id).await;
        status.is_ok_and(|status| status.is_none()).then_some(())
    })
    .await;
    assert_eq!(place(live, sale).await.unwrap(), PlaceReply::NotLoaded);
    let rebuilt = Sale { epoch: Epoch(2), ..*sale };
    assert_eq!(live.load(rebuilt, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.take(&rebuilt, &user("ann")).await.epoch, Epoch(2));
    assert_eq!(live.counts(&rebuilt).await, [4, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_is_killed_is_left_for_the_one_in_its_place() {
    let servers = WatchedRedis::start().unwrap();
    let (live, sale) = a_sale_on(&servers).await;

    servers.kill(servers.primary().unwrap()).unwrap();

    assert!(place(&live, &sale).await.is_err());
    assert_served_when_loaded(&live, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_that_stands_still_is_left_and_not_gone_back_to() {
    let servers = WatchedRedis::start().unwrap();
    let (live, sale) = a_sale_on(&servers).await;
    let lost = servers.primary().unwrap();

    servers.pause(lost).unwrap();

    assert_eq!(place(&live, &sale).await.unwrap_err().failure(), Failure::Unknown);
    // Whoever comes after that is not kept waiting.
    let error = place(&live, &sale).await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
    assert!(dev_servers::chain(&error).contains("did not answer a moment ago"), "{error:?}");
    assert_served_when_loaded(&live, &sale).await;
    servers.resume(lost).unwrap();
    for _ in 0..3 {
        live.take(&Sale { epoch: Epoch(2), ..sale }, &user("bob")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_change_of_the_primary_is_followed() {
    let servers = WatchedRedis::start().unwrap();
    let (live, sale) = a_sale_on(&servers).await;

    servers.failover().unwrap();

    assert_served_when_loaded(&live, &sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_that_are_gone_but_for_one_do_not_matter() {
    let servers = WatchedRedis::start().unwrap();
    let url = servers.url().replacen("://", "://127.0.0.1:1,127.0.0.1:2,", 1);

    let live = live_at(&url, Ledger(7));

    let sale = live.open(5, 5).await;
    live.take(&sale, &user("ann")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_do_not_know_the_primary_wait_for_one_look() {
    const MANY: usize = 100;
    let servers = WatchedRedis::start().unwrap();
    for sentinel in 0..3 {
        servers.sentinel(sentinel).pause().unwrap();
    }
    let live = live_at(&servers.url(), Ledger(7));

    // Each by itself on a line of its own.
    let asks = (0..MANY).map(|_| live.sales.forget(store_contract::fixtures::open_sale(1, 1).id));
    let asked = tokio::time::timeout(SOON, futures_util::future::join_all(asks)).await.unwrap();

    assert!(asked.iter().all(Result::is_err));
    for sentinel in 0..3 {
        servers.sentinel(sentinel).resume().unwrap();
    }
    let sale = store_contract::fixtures::open_sale(1, 1).id;
    until(&*live.clock, async || live.sales.forget(sale).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_the_settings_is_said() {
    let files = Files::new().unwrap();
    let settings =
        WatchSettings { sentinel_password: Some("open".to_owned()), ..WatchSettings::default() };
    let servers = WatchedRedis::start_with(settings).unwrap();
    let file = |text: &str| NamedFile {
        setting: REDIS.sentinel_password_file.unwrap(),
        path: files.write(text, text).unwrap(),
    };
    let ask = async |url: &str, password: Option<&str>| {
        let mut access = Access::to_redis(url);
        access.sentinel_password = password.map(file);
        let live = live_in(access, Ledger(7));
        let sale = store_contract::fixtures::open_sale(5, 5);
        place(&live, &sale).await.map_err(|error| dev_servers::chain(&error))
    };
    let (url, name) = (servers.url(), "/shop");

    assert_eq!(ask(&url, Some("open")).await, Ok(PlaceReply::NotLoaded));
    for (url, password, says) in [
        (url.clone(), None, "REDIS_SENTINEL_PASSWORD_FILE"),
        (url.clone(), Some("wrong"), "REDIS_SENTINEL_PASSWORD_FILE"),
        (url.replace(name, "/other"), Some("open"), "no primary of the name"),
        (format!("redis+sentinel://127.0.0.1:{}/shop", SERVERS.servers()[0]), None, "no sentinel"),
        (
            format!("redis+cluster://127.0.0.1:{}", SERVERS.servers()[0]),
            None,
            "no node of a cluster",
        ),
    ] {
        let said = ask(&url, password).await.unwrap_err();
        assert!(said.contains(says), "{url}: {said}");
    }
}
