//! How often Redis is asked. Each test has its own server.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod stores;

use std::pin::Pin;

use deadpool_redis::redis;
use dev_servers::RedisServer;
use domain::{Sale, SaleId};
use store_contract::{
    Live,
    fixtures::{all_at_once, code_of_no_sale, new_code, user},
};

use crate::stores::live_on;

/// Something that is asked of a sale, and whether the answer is as expected.
type Question = fn(Live, Sale) -> Pin<Box<dyn Future<Output = bool> + Send>>;

/// How often the server has read from its clients: once for whatever came together.
async fn reads(server: &RedisServer) -> u64 {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.unwrap();
    let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    reads.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_many_sales_at_a_time_takes_one_way_for_all() {
    const SALES: usize = 100;
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    let mut sales = Vec::new();
    for _ in 0..SALES {
        sales.push(live.open(5, 5).await);
    }
    // Each line is there, and has made sure of the server.
    live.take(&sales[0], &user("first")).await;
    live.status(&sales[0]).await;
    live.due(&sales[0], 1).await;
    let questions: [(&str, Question); 3] = [
        ("a unit", |live, sale| {
            Box::pin(async move { live.take(&sale, &user("ann")).await.epoch == sale.epoch })
        }),
        ("what is due", |live, sale| Box::pin(async move { live.due(&sale, 9).await.is_empty() })),
        ("a look", |live, sale| Box::pin(async move { live.status(&sale).await.held > 0 })),
    ];
    for (name, question) in questions {
        let before = reads(&server).await;

        let answers = all_at_once(sales.iter().map(|&sale| question(live.clone(), sale))).await;

        let reads = reads(&server).await - before;
        assert_eq!(answers, [true; SALES], "{name}");
        assert!(reads < SALES as u64 / 4, "{reads} reads for {name} of each of {SALES} sales");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_codes_of_many_sales_take_one_way_for_all() {
    const CODES: usize = 1_000;
    let server = RedisServer::start().unwrap();
    let live = live_on(&server);
    assert_eq!(live.find(code_of_no_sale()).await, None);
    let before = reads(&server).await;

    let found = all_at_once((1_000..).take(CODES).map(|sale| {
        let (live, made_up) = (live.clone(), new_code(SaleId::try_from(sale).unwrap()));
        async move { live.find(made_up).await }
    }))
    .await;

    let reads = reads(&server).await - before;
    assert_eq!(found, vec![None; CODES]);
    assert!(reads < CODES as u64 / 4, "{reads} reads for {CODES} codes");
}
