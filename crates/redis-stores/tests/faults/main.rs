//! What a live store on Redis does when the server fails it. Each test has its own server.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod parts;
mod refused;
mod several_sales;
#[path = "../stores/mod.rs"]
mod stores;
mod transactions;
mod two_ledgers;
mod versions;

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use deadpool_redis::redis;
use dev_servers::RedisServer;
use domain::{
    Code, Epoch, Failure, Sale, StoreError,
    ports::{Grant, HoldRequest, LoadReply, PlaceReply, SaleSnapshot, Verdict},
};
use store_contract::{
    Live,
    fixtures::{NOW, all_at_once, new_code, nth_user, until, user},
};

use crate::stores::live_on;

/// Nobody waits longer than this for a server that is gone.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_server_serves_nothing_until_it_is_loaded_again() {
    let server = RedisServer::start().unwrap();
    let (live, sale, grant) = a_sale_in_full_swing(&server).await;

    server.flush_all().unwrap();

    assert_not_served(&live, &sale, grant.code).await;
    assert_eq!(live.find(grant.code).await, None);
    assert_served_when_loaded(&live, &sale, grant.code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_came_back_empty_serves_nothing_until_it_is_loaded_again() {
    let server = RedisServer::start().unwrap();
    let (live, sale, grant) = a_sale_in_full_swing(&server).await;

    server.kill().unwrap();
    server.start_again().unwrap();

    until_it_answers(&live, &sale).await;
    assert_not_served(&live, &sale, grant.code).await;
    assert_served_when_loaded(&live, &sale, grant.code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_came_back_with_an_old_copy_serves_nothing_until_it_is_loaded_again() {
    let server = RedisServer::start().unwrap();
    let (live, sale, old) = a_sale_in_full_swing(&server).await;
    let snapshot = server.save_snapshot().unwrap();
    live.settle(&sale, &[(old.code, Verdict::Free)]).await;
    live.take(&sale, &user("bob")).await;

    server.start_again_from(&snapshot).unwrap();

    until_it_answers(&live, &sale).await;
    assert_eq!(ask(&server, &format!("EXISTS sale:{{{}}}", sale.id)), ":1");
    assert_eq!(live.find(old.code).await, Some(old.unit));
    assert_not_served(&live, &sale, old.code).await;
    assert_eq!(live.find(old.code).await, Some(old.unit), "a verdict changes no old copy");
    assert_served_when_loaded(&live, &sale, old.code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_the_library_is_given_it() {
    let server = RedisServer::start().unwrap();
    let (live, sale, grant) = a_sale_in_full_swing(&server).await;

    assert_eq!(ask(&server, "FUNCTION FLUSH"), "+OK");

    // The library's memory of what it loaded went with it.
    assert_not_served(&live, &sale, grant.code).await;
    assert_served_when_loaded(&live, &sale, grant.code).await;
    assert!(ask(&server, "FUNCTION LIST").contains("flashsale_v4"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_of_a_newer_library_is_neither_served_nor_rebuilt() {
    let server = RedisServer::start().unwrap();
    let (live, sale, _) = a_sale_in_full_swing(&server).await;
    let key = format!("sale:{{{}}}", sale.id);

    // As a newer version leaves it: its own epoch, which this library never loaded.
    assert_eq!(ask(&server, &format!("HSET {key} library 999 epoch 7")), ":0");

    assert_eq!(place(&live, &sale).await.unwrap(), PlaceReply::NotLoaded);
    // Whoever would rebuild it asks this first, and raises no epoch.
    assert_eq!(live.sales.status(sale.id).await.unwrap_err().failure(), Failure::NotDone);
    let snapshot = SaleSnapshot { sale: Sale { epoch: Epoch(8), ..sale }, live: vec![] };
    let loaded = live.sales.load(&snapshot, NOW).await;
    assert_eq!(loaded.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(ask(&server, &format!("HGET {key} epoch")), "$1\r\n7");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_lost_an_epoch_says_which_so_that_it_can_be_passed() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sale = Sale { epoch: Epoch(97), ..store_contract::fixtures::open_sale(5, 5) };
    live.load(sale, vec![]).await;
    server.flush_all().unwrap();

    let restored = Sale { epoch: Epoch(1), ..sale };
    let fenced = LoadReply::Fenced { epoch: Epoch(97), is_served: false };
    assert_eq!(live.load(restored, vec![]).await, fenced);
    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);

    let passed = Sale { epoch: Epoch(98), ..sale };
    assert_eq!(live.load(passed, vec![]).await, LoadReply::Loaded);
    let fenced = LoadReply::Fenced { epoch: Epoch(98), is_served: true };
    assert_eq!(live.load(restored, vec![]).await, fenced);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_that_was_given_back_can_be_had_as_soon_as_that_is_said() {
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let sale = live.open(1, 1).await;

    for _ in 0..100 {
        let grant = live.take(&sale, &user("ann")).await;
        live.settle(&sale, &[(grant.code, Verdict::Free)]).await;
    }

    assert_eq!(live.counts(&sale).await, [1, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_sell_the_same_sale() {
    let server = RedisServer::start().unwrap();
    let processes = [live_on(&server), live_on(&server)];
    let sale = store_contract::fixtures::open_sale(100, 1);
    let snapshot = SaleSnapshot { sale, live: vec![] };
    // Both find that the server lacks the library, and both find that it lacks the sale.
    let loads = processes.clone().map(|process| {
        let snapshot = snapshot.clone();
        async move { process.sales.load(&snapshot, NOW).await.unwrap() }
    });
    let replies = all_at_once(loads).await;
    assert!(replies.contains(&LoadReply::Loaded));
    let fenced = LoadReply::Fenced { epoch: sale.epoch, is_served: true };
    assert!(replies.contains(&fenced));

    let asks = (0..300usize).map(|number| {
        let process = processes[number % 2].clone();
        let user = nth_user(u32::try_from(number).unwrap());
        async move { matches!(process.ask(&sale, &user).await, PlaceReply::Granted(_)) }
    });
    let granted = all_at_once(asks).await;

    assert_eq!(granted.iter().filter(|&&granted| granted).count(), 100);
    assert_eq!(processes[0].counts(&sale).await, [0, 100, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_is_reported_soon_and_used_again_when_it_is_back() {
    let server = RedisServer::start().unwrap();
    let (live, sale, grant) = a_sale_in_full_swing(&server).await;

    server.kill().unwrap();
    for _ in 0..2 {
        for failure in every_failure(&live, &sale, grant.code).await {
            assert!(matches!(failure, Failure::NotDone | Failure::Unknown), "{failure:?}");
        }
    }
    live.codes.settle_soon(grant.code, Verdict::Sold { unit: grant.unit });
    server.start_again().unwrap();

    until_it_answers(&live, &sale).await;
    assert_served_when_loaded(&live, &sale, grant.code).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_reply_got_lost_is_not_called_undone() {
    let server = RedisServer::start().unwrap();
    let (live, sale, _) = a_sale_in_full_swing(&server).await;

    server.kill().unwrap();

    // On a connection that breaks nobody knows; where there was none, nothing was sent.
    assert_eq!(place(&live, &sale).await.unwrap_err().failure(), Failure::Unknown);
    assert_eq!(place(&live, &sale).await.unwrap_err().failure(), Failure::NotDone);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_slow_takes_one_unit_for_a_code_that_is_asked_again() {
    let server = RedisServer::start().unwrap();
    let (live, sale, _) = a_sale_in_full_swing(&server).await;
    let code = new_code(sale.id);
    let request = HoldRequest { code, user: user("slow"), has_key: false };

    // What is sent meanwhile is carried out when it goes on.
    server.pause().unwrap();
    let late = tokio::time::timeout(SOON, live.codes.place_hold(request.clone())).await.unwrap();
    assert_eq!(late.unwrap_err().failure(), Failure::Unknown);
    server.resume().unwrap();
    let reply = until(&*live.clock, async || live.codes.place_hold(request.clone()).await.ok());

    assert!(matches!(reply.await, PlaceReply::Granted(_)));
    assert_eq!(live.counts(&sale).await, [3, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_memory_takes_no_unit_but_gives_them_back() {
    let server = RedisServer::start().unwrap();
    let (live, sale, grant) = a_sale_in_full_swing(&server).await;
    let bought = live.take(&sale, &user("bob")).await;

    assert_eq!(ask(&server, "CONFIG SET maxmemory 1"), "+OK");

    assert_eq!(place(&live, &sale).await.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(live.counts(&sale).await, [3, 2, 0]);
    assert_eq!(live.find(grant.code).await, Some(grant.unit));
    live.settle(
        &sale,
        &[(grant.code, Verdict::Free), (bought.code, Verdict::Sold { unit: bought.unit })],
    )
    .await;
    assert_eq!(live.counts(&sale).await, [4, 0, 1]);
    let rebuilt = Sale { epoch: Epoch(2), ..sale };
    assert_eq!(live.load(rebuilt, vec![]).await, LoadReply::Loaded);
    assert_eq!(place(&live, &sale).await.unwrap_err().failure(), Failure::NotDone);
    assert_eq!(live.counts(&sale).await, [5, 0, 0]);

    assert_eq!(ask(&server, "CONFIG SET maxmemory 0"), "+OK");
    live.take(&rebuilt, &user("cid")).await;
}

/// A live store that serves a sale of five units at epoch 1, one of them held.
async fn a_sale_in_full_swing(server: &RedisServer) -> (Live, Sale, Grant) {
    let live = live_on(server);
    let sale = live.open(5, 5).await;
    let grant = live.take(&sale, &user("ann")).await;
    // Every line is in use once, so that each holds a connection.
    assert_eq!(live.find(grant.code).await, Some(grant.unit));
    live.codes.settle_soon(new_code(sale.id), Verdict::Free);
    (live, sale, grant)
}

/// Lets the connections that broke be replaced.
async fn until_it_answers(live: &Live, sale: &Sale) {
    until(&*live.clock, async || live.sales.status(sale.id).await.ok()).await;
    until(&*live.clock, async || place(live, sale).await.ok()).await;
    until(&*live.clock, async || live.codes.find(new_code(sale.id)).await.ok()).await;
}

/// The sale is unknown and nothing is done to it, also not by a verdict on `code`.
async fn assert_not_served(live: &Live, sale: &Sale, code: Code) {
    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
    assert_eq!(place(live, sale).await.unwrap(), PlaceReply::NotLoaded);
    assert_eq!(live.codes.due(sale.id, 10).await.unwrap(), None);
    live.codes.settle(sale.id, &[(code, Verdict::Free)]).await.unwrap();
    assert_eq!(live.sales.status(sale.id).await.unwrap(), None);
}

/// Loads the next epoch, and sells by it; nothing of the old one is left.
async fn assert_served_when_loaded(live: &Live, sale: &Sale, old: Code) {
    let rebuilt = Sale { epoch: Epoch(2), ..*sale };
    assert_eq!(live.load(rebuilt, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.find(old).await, None);
    assert_eq!(live.take(&rebuilt, &user("ann")).await.epoch, Epoch(2));
    assert_eq!(live.counts(&rebuilt).await, [4, 1, 0]);
}

/// Asks everything of a server that is gone, and returns what is known of each.
async fn every_failure(live: &Live, sale: &Sale, code: Code) -> Vec<Failure> {
    let snapshot = SaleSnapshot { sale: *sale, live: vec![] };
    let verdicts = [(code, Verdict::Free)];
    let all = async {
        vec![
            place(live, sale).await.unwrap_err(),
            live.codes.find(code).await.unwrap_err(),
            live.codes.due(sale.id, 10).await.unwrap_err(),
            live.codes.settle(sale.id, &verdicts).await.unwrap_err(),
            live.sales.status(sale.id).await.unwrap_err(),
            live.sales.forget(sale.id).await.unwrap_err(),
            live.sales.load(&snapshot, NOW).await.unwrap_err(),
        ]
    };
    let errors = tokio::time::timeout(SOON, all).await.unwrap();
    errors.iter().map(StoreError::failure).collect()
}

async fn place(live: &Live, sale: &Sale) -> Result<PlaceReply, StoreError> {
    let request = HoldRequest { code: new_code(sale.id), user: user("eve"), has_key: false };
    tokio::time::timeout(SOON, live.codes.place_hold(request)).await.unwrap()
}

/// Calls a function, or anything else, and returns the words of its reply.
fn call(server: &RedisServer, words: &[&str]) -> String {
    let mut connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).query(&mut connection).unwrap()
}

/// Calls a function on the keys of a sale.
fn call_on(server: &RedisServer, sale: &Sale, function: &str, arguments: &[&str]) -> String {
    let key = |what| format!("sale:{{{}}}{what}", sale.id);
    let keys = ["", ":total", ":free", ":holds", ":codes", ":users"].map(key);
    let words = ["FCALL", function, "6"].into_iter().chain(keys.iter().map(String::as_str));
    call(server, &words.chain(arguments.iter().copied()).collect::<Vec<_>>())
}

/// What the server replies to an inline command, without the last line end.
fn ask(server: &RedisServer, command: &str) -> String {
    let url = server.url();
    let mut stream = TcpStream::connect(url.trim_start_matches("redis://")).unwrap();
    // Nothing can be asked of a paused server any more, so it is not asked to hang up.
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.trim_end().to_owned()
}
