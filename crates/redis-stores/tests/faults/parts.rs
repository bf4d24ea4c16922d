//! A load in parts, and what may come between them.

use dev_servers::RedisServer;
use domain::{
    Epoch, Failure, Sale, SaleId,
    ports::{LoadReply, PlaceReply},
};
use store_contract::{
    Live,
    fixtures::{NOW, held, nth_user, open_sale, sold, user},
};

use crate::{call, call_on, stores::live_on};

/// The identity of the ledger that these live stores work for.
pub(crate) const LEDGER: &str = "00000000000000000000000000000007";

fn begin(server: &RedisServer, sale: &Sale, epoch: i64) -> String {
    let Sale { window, .. } = sale;
    let words = [epoch, 5, 5, 60_000, window.starts_at().0, window.ends_at().0];
    let mut words: Vec<_> = words.iter().map(ToString::to_string).collect();
    words.extend(["active".to_owned(), NOW.0.to_string(), "0".to_owned(), LEDGER.to_owned()]);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    call_on(server, sale, "flashsale_v4_load_begin", &words)
}

/// Adds one free unit.
fn part(server: &RedisServer, sale: &Sale, epoch: i64, part: u32) -> String {
    let (epoch, part) = (epoch.to_string(), part.to_string());
    let words = [&epoch, &part, "1", "0", "0", &part, &part, LEDGER];
    call_on(server, sale, "flashsale_v4_load_part", &words)
}

fn commit(server: &RedisServer, sale: &Sale, epoch: i64, parts: u32) -> String {
    let words = [&epoch.to_string(), &parts.to_string(), LEDGER];
    call_on(server, sale, "flashsale_v4_load_commit", &words)
}

/// A server that has the library, and a sale that is not loaded.
async fn unloaded() -> (RedisServer, Live, Sale) {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sale = open_sale(5, 5);
    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
    (server, live, sale)
}

async fn is_being_loaded(live: &Live, sale: SaleId) -> bool {
    match live.sales.status(sale).await {
        Err(error) => error.failure() == Failure::Rebuilding,
        Ok(status) => {
            assert_eq!(status, None);
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_served_when_its_last_part_is_there_and_not_before() {
    let (server, live, sale) = unloaded().await;

    assert_eq!(begin(&server, &sale, 1), "begun");
    for number in 1..=5 {
        assert_eq!(live.ask(&sale, &user("ann")).await, PlaceReply::NotLoaded);
        assert!(is_being_loaded(&live, sale.id).await);
        assert_eq!(part(&server, &sale, 1, number), "added");
    }
    assert_eq!(live.codes.due(sale.id, 10).await.unwrap(), None);
    assert_eq!(commit(&server, &sale, 1, 5), "loaded");

    assert_eq!(live.counts(&sale).await, [5, 0, 0]);
    live.take(&sale, &user("ann")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_is_missing_or_comes_twice_keeps_the_sale_from_being_served() {
    let (server, live, sale) = unloaded().await;
    begin(&server, &sale, 1);

    assert_eq!(part(&server, &sale, 1, 2), "cut_short");
    assert_eq!(part(&server, &sale, 1, 1), "added");
    assert_eq!(part(&server, &sale, 1, 1), "cut_short");
    assert_eq!(commit(&server, &sale, 1, 2), "cut_short");

    assert_eq!(live.ask(&sale, &user("ann")).await, PlaceReply::NotLoaded);
    // Whoever loads next begins anew, as if nothing had been brought.
    let next = Sale { epoch: Epoch(2), ..sale };
    assert_eq!(live.load(next, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.counts(&next).await, [5, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_lost_its_first_parts_is_cut_short() {
    for loss in [&["FLUSHALL"][..], &["FUNCTION", "FLUSH"]] {
        let (server, live, sale) = unloaded().await;
        begin(&server, &sale, 1);
        part(&server, &sale, 1, 1);

        call(&server, loss);
        // The library is given to a server that lacks it.
        assert!(!is_being_loaded(&live, sale.id).await);

        assert_eq!(part(&server, &sale, 1, 2), "cut_short", "{loss:?}");
        assert_eq!(commit(&server, &sale, 1, 1), "cut_short", "{loss:?}");
        let next = Sale { epoch: Epoch(2), ..sale };
        assert_eq!(live.load(next, vec![]).await, LoadReply::Loaded);
        assert_eq!(live.counts(&next).await, [5, 0, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_loads_at_a_time_the_newer_is_served() {
    let (server, live, sale) = unloaded().await;
    begin(&server, &sale, 2);
    part(&server, &sale, 2, 1);

    assert_eq!(begin(&server, &sale, 1), "fenced 2 loading");
    assert_eq!(begin(&server, &sale, 2), "fenced 2 loading");
    assert_eq!(begin(&server, &sale, 3), "begun");
    assert_eq!(part(&server, &sale, 2, 2), "fenced 3 loading");
    assert_eq!(commit(&server, &sale, 2, 2), "fenced 3 loading");
    assert_eq!(part(&server, &sale, 3, 1), "added");
    assert_eq!(commit(&server, &sale, 3, 1), "loaded");

    assert_eq!(commit(&server, &sale, 2, 1), "cut_short");
    assert_eq!(begin(&server, &sale, 2), "fenced 3 served");
    assert_eq!(live.counts(&sale).await, [1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_of_many_parts_is_served_whole() {
    let (_server, live, _) = unloaded().await;
    let sale = open_sale(60_000, 3);
    let units = (1..=20_000).map(|number| {
        let user = nth_user(number / 3);
        let slot = u16::try_from(number % 3).unwrap();
        if number % 4 == 0 {
            sold(&sale, user, number * 2, slot)
        } else {
            held(&sale, user, number * 2, slot, NOW)
        }
    });

    assert_eq!(live.load(sale, units.collect()).await, LoadReply::Loaded);

    assert_eq!(live.counts(&sale).await, [40_000, 15_000, 5_000]);
    assert_eq!(live.due(&sale, 20_000).await.len(), 15_000);
}
