//! What a buyer notices of a lost Redis, a killed process and a restarted Postgres: a moment
//! of 503 at the most. No answer they got turns out untrue, and the stock is sold exactly.

use std::{
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::task::{JoinHandle, block_in_place};

use crate::{
    crowd::{Crowd, Log, Urls, audit, audit_sold_out},
    stack::{Answer, Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_process_killed_under_load_loses_nothing_anybody_saw
    sigterm_finishes_what_was_accepted_and_exits_0
}

const STOCK: u32 = 2_000;

/// A sale under way, with a crowd at it.
struct Rush {
    stack: Stack,
    sale: i64,
    urls: Urls,
    log: Arc<Log>,
    crowd: JoinHandle<()>,
}

impl Rush {
    async fn start(settings: Settings) -> Self {
        let stack = Stack::start(Settings { stock: STOCK, hold_ttl: "1s", ..settings }).await;
        let sale = stack.sale().await;
        let urls = stack.apps.iter().map(|app| app.url().to_owned()).collect();
        let (urls, log): (Urls, _) = (Arc::new(RwLock::new(urls)), Arc::new(Log::default()));
        let crowd = tokio::spawn({
            let (urls, log) = (Arc::clone(&urls), Arc::clone(&log));
            let crowd = Crowd { sale, users: 600, connections: 16, abandoned_percent: 25 };
            async move { crowd.buy(&urls, &log, &Arc::new(AtomicBool::new(false))).await }
        });
        Self { stack, sale, urls, log, crowd }
    }

    /// Waits until this many units are sold.
    async fn until_sold(&self, units: u64) {
        self.stack
            .until(&format!("{units} units are sold"), async |_| {
                self.log.sold.load(Ordering::Relaxed) >= units || self.crowd.is_finished()
            })
            .await;
    }

    /// Waits for the sale to be sold out and checks everything.
    async fn finish(self, crashed: bool) -> Arc<Log> {
        let ended = tokio::time::timeout(Duration::from_secs(90), self.crowd).await;
        ended.expect("the sale sells out").unwrap();
        audit_sold_out(&self.stack, self.sale, STOCK.into(), 10);
        audit(&self.stack, self.sale, &self.log, crashed);
        self.log
    }
}

/// Asks for a unit until one is granted, and says how long that took.
async fn first_grant(stack: &Stack, sale: i64) -> Duration {
    let start = tokio::time::Instant::now();
    stack
        .until("a unit is granted again", async |stack| {
            stack.checkout("first-after-the-fault", sale).await.name() == "ok"
        })
        .await;
    start.elapsed()
}

/// Loses Redis in `lose`, with a hold taken before, and checks that the sale goes on by itself
/// and the earlier code is good throughout.
async fn a_lost_redis_is_rebuilt(lose: impl FnOnce(&Stack)) {
    let rush = Rush::start(Settings::default()).await;
    rush.until_sold(u64::from(STOCK) / 4).await;
    let before = rush.stack.checkout("early", rush.sale).await;

    block_in_place(|| lose(&rush.stack));

    let purchased = rush.stack.purchase(before.code()).await;
    assert_eq!(purchased.name(), "ok", "{purchased:?}");
    let took = first_grant(&rush.stack, rush.sale).await;
    println!("first grant after {} ms", took.as_millis());
    rush.finish(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flushed_redis_is_rebuilt_in_mid_sale() {
    a_lost_redis_is_rebuilt(|stack| stack.redis().flush_all().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_empty_is_rebuilt_in_mid_sale() {
    a_lost_redis_is_rebuilt(|stack| {
        stack.redis().kill().unwrap();
        stack.redis().start_again().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_comes_back_from_an_old_copy_is_rebuilt_in_mid_sale() {
    let rush = Rush::start(Settings::default()).await;
    rush.until_sold(u64::from(STOCK) / 8).await;
    let copy = block_in_place(|| rush.stack.redis().save_snapshot().unwrap());
    rush.until_sold(u64::from(STOCK) / 2).await;
    let before = rush.stack.checkout("early", rush.sale).await;

    block_in_place(|| rush.stack.redis().start_again_from(&copy).unwrap());

    assert_eq!(rush.stack.purchase(before.code()).await.name(), "ok");
    first_grant(&rush.stack, rush.sale).await;
    rush.finish(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn purchases_go_on_while_redis_is_down() {
    let stack = Stack::start(Settings::default()).await;
    let sale = stack.sale().await;
    let held = stack.checkout("alice", sale).await;

    block_in_place(|| stack.redis().kill().unwrap());

    assert_eq!(stack.purchase(held.code()).await.name(), "ok");
    let refused = stack.checkout("bob", sale).await;
    assert_eq!((refused.status, refused.name()), (503, "unavailable"));
    assert!(refused.header("retry-after").is_some());
    let path = format!("/sales/{sale}");
    stack
        .until("the purchase is counted", async |stack| stack.get(&path).await.body["sold"] == 1)
        .await;
}

async fn a_process_killed_under_load_loses_nothing_anybody_saw(kind: Kind) {
    let mut rush = Rush::start(Settings::on(kind)).await;

    for round in 1..=4 {
        rush.until_sold(u64::from(STOCK) / 6 * round).await;
        let victim = rush.stack.apps.remove(0);
        rush.urls.write().unwrap().retain(|url| url != victim.url());
        block_in_place(|| victim.kill().unwrap());
        rush.stack.start_app().await;
        let risen = rush.stack.apps.last().map(|app| app.url().to_owned());
        rush.urls.write().unwrap().extend(risen);
    }

    rush.finish(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_restarted_under_load_costs_a_moment_of_503() {
    let rush = Rush::start(Settings { own_postgres: true, ..Settings::default() }).await;
    rush.until_sold(u64::from(STOCK) / 4).await;

    block_in_place(|| {
        rush.stack.postgres().stop_immediate().unwrap();
        rush.stack.postgres().start_again().unwrap();
    });

    first_grant(&rush.stack, rush.sale).await;
    rush.finish(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_is_down_is_said_with_retry_after() {
    let stack = Stack::start(Settings { own_postgres: true, ..Settings::default() }).await;
    let sale = stack.sale().await;
    let held = stack.checkout("alice", sale).await;
    block_in_place(|| stack.postgres().kill().unwrap());

    let checkout = stack.checkout("bob", sale).await;
    let purchase = stack.purchase(held.code()).await;

    for answer in [&checkout, &purchase] {
        assert_eq!((answer.status, answer.name()), (503, "unavailable"), "{answer:?}");
        assert!(answer.header("retry-after").is_some());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
    block_in_place(|| stack.postgres().start_again().unwrap());
    stack
        .until("the code is redeemed", async |stack| {
            matches!(stack.purchase(held.code()).await.name(), "ok" | "code-already-used")
        })
        .await;
    let free = format!("/sales/{sale}");
    stack
        .until("bob's unit is back", async |stack| stack.get(&free).await.body["available"] == 99)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_starts_while_its_databases_are_down_and_says_so() {
    let settings = Settings { own_postgres: true, by_hand: false, ..Settings::default() };
    let mut stack = Stack::prepare(Settings { sale_period: "1h", ..settings });
    block_in_place(|| {
        stack.redis().kill().unwrap();
        stack.postgres().kill().unwrap();
    });
    let app = stack.start_app_unready();
    stack.apps.push(app);

    let alive = stack.get("/health/live").await;
    let ready = stack.get("/health/ready").await;
    let down = serde_json::json!({ "postgres": "down", "redis": "down", "sale": "none" });

    assert_eq!((alive.status, ready.status), (200, 503));
    assert_eq!(ready.body["checks"], down);
    block_in_place(|| stack.postgres().start_again().unwrap());
    block_in_place(|| stack.redis().start_again().unwrap());
    block_in_place(|| stack.apps[0].await_ready(PATIENCE).unwrap());
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("alice", sale).await.name(), "ok");
}

async fn sigterm_finishes_what_was_accepted_and_exits_0(kind: Kind) {
    let settings = Settings { stock: 100_000, processes: 1, ..Settings::on(kind) };
    let mut stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let mut requests = tokio::task::JoinSet::new();
    let served = Arc::new(AtomicBool::new(false));
    for user in 0..32 {
        let (http, served) = (stack.http.clone(), Arc::clone(&served));
        let url = format!("{}/checkout?user_id=u{user}&id={sale}", stack.url());
        requests.spawn(async move {
            let mut codes = Vec::new();
            // Until the door is closed. Whoever got in gets an answer.
            while let Ok(answer) = Answer::read(http.post(&url)).await {
                match answer.name() {
                    "ok" => codes.push(answer.code().to_owned()),
                    "user-limit-reached" => {}
                    _ => panic!("{answer:?}"),
                }
                served.store(true, Ordering::Relaxed);
            }
            codes
        });
    }
    stack.until("requests are served", async |_| served.load(Ordering::Relaxed)).await;

    let start = tokio::time::Instant::now();
    let status = block_in_place(|| stack.apps.remove(0).terminate().unwrap());

    assert!(status.success(), "{status:?}");
    println!("stopped in {} ms", start.elapsed().as_millis());
    let codes: Vec<_> = requests.join_all().await.into_iter().flatten().collect();
    assert_eq!(
        stack.count("SELECT count(*) FROM checkout_attempts WHERE state = 'held'"),
        codes.len() as u64
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_another_history_is_refused_at_once() {
    let stack = Stack::prepare(Settings::default());
    stack.sql("UPDATE refinery_schema_history SET checksum = '1'");

    let mut command = stack.command();
    command.arg("serve").env("HTTP_ADDR", "127.0.0.1:0");
    let ended = block_in_place(|| command.output().unwrap());

    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("another history"), "{said}");
}
