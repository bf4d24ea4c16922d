//! Two shops, each with a ledger of its own, on one Redis server. Their sales have the same numbers.

use std::sync::{
    Arc, RwLock,
    atomic::{AtomicBool, Ordering},
};

use tokio::task::{JoinSet, block_in_place};

use crate::{
    crowd::{Crowd, Log, Urls, audit, audit_sold_out},
    stack::{Answer, Settings, Stack},
};

const STOCK: u32 = 500;

/// A shop on that Redis whose processes are not up yet.
fn open(redis: &Stack, number: u8) -> Stack {
    let redis_url = Some(format!("{}/{number}", redis.redis().url()));
    let shop = Stack::prepare(Settings {
        stock: STOCK,
        hold_ttl: "500ms",
        redis_url,
        ..Settings::default()
    });
    // Databases of tests are copies of one, and copies are the same ledger until they are told.
    shop.operate(&["migrate", "--new-identity"]);
    shop
}

/// Lets a crowd buy all that a shop has.
async fn sell_out(shop: &Stack) -> (i64, Arc<Log>) {
    let sale = shop.sale().await;
    let urls: Urls =
        Arc::new(RwLock::new(shop.apps.iter().map(|app| app.url().to_owned()).collect()));
    let (log, never) = (Arc::new(Log::default()), Arc::default());
    let crowd = Crowd { sale, users: 150, connections: 32, abandoned_percent: 30 };
    crowd.buy(&urls, &log, &never).await;
    (sale, log)
}

#[tokio::test(flavor = "multi_thread")]
async fn shops_with_database_numbers_of_their_own_sell_whole_side_by_side() {
    let redis = Stack::prepare(Settings { by_hand: false, ..Settings::default() });
    let mut shops = [open(&redis, 0), open(&redis, 1)];
    // What the server remembers of one must not pass for the other's: they differ in their epochs.
    shops[1].sql("UPDATE sales SET epoch = 70");
    for shop in &mut shops {
        shop.start_app().await;
        shop.start_app().await;
    }
    let [one, other] = shops;

    let sold = tokio::join!(sell_out(&one), sell_out(&other));

    assert_eq!(sold.0.0, sold.1.0, "their sales have the same number");
    for (shop, (sale, log)) in [(&one, sold.0), (&other, sold.1)] {
        audit_sold_out(shop, sale, STOCK.into(), 10);
        audit(shop, sale, &log, false);
        // Sold out is what they would be in the end, even if they took the sale from each other.
        let checkouts = log.checkouts.lock().unwrap().clone();
        assert!(!checkouts.contains_key("unavailable"), "{checkouts:?}");
        for app in &shop.apps {
            assert!(!app.log().contains("rebuilt"), "{}", app.log());
        }
    }
    // Whoever found its sale fenced by the other's would have passed that.
    assert!(one.count("SELECT max(epoch) FROM sales") < 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_comes_to_the_database_of_another_sells_nothing_and_says_why() {
    let redis = Stack::prepare(Settings { by_hand: false, ..Settings::default() });
    let (mut first, mut second) = (open(&redis, 0), open(&redis, 0));
    first.start_app().await;
    second.apps.push(second.start_app_unready());

    let is_over = Arc::new(AtomicBool::new(false));
    let mut refused = JoinSet::new();
    for buyer in 0..8 {
        let (http, is_over) = (second.http.clone(), Arc::clone(&is_over));
        let url = format!("{}/checkout?user_id=buyer-{buyer}&id=1", second.url());
        refused.spawn(async move {
            let mut answers = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                answers.push(Answer::read(http.post(&url)).await.unwrap());
            }
            answers
        });
    }
    let (sale, log) = sell_out(&first).await;
    is_over.store(true, Ordering::Relaxed);

    audit_sold_out(&first, sale, STOCK.into(), 10);
    audit(&first, sale, &log, false);
    for answer in refused.join_all().await.into_iter().flatten() {
        assert_eq!((answer.status, answer.name()), (503, "unavailable"), "{answer:?}");
        assert!(answer.header("retry-after").is_some(), "{answer:?}");
    }
    let health = second.get("/health").await;
    assert_eq!(health.status, 503, "{health:?}");
    let said = second.apps[0].log();
    assert!(said.contains("that of another ledger") && said.contains("REDIS_URL"), "{said}");
    let granted = "SELECT count(*) FROM checkout_attempts WHERE outcome = 'granted'";
    assert_eq!(second.count(granted), 0);

    // The remedy that it names.
    first.apps.clear();
    block_in_place(|| redis.redis().flush_all().unwrap());
    second
        .until("it sells what is its own", async |second| {
            second.checkout("ann", 1).await.name() == "ok"
        })
        .await;
}
