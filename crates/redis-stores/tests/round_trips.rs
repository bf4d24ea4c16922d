//! How often Redis is asked. Each test has its own server.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod stores;

use deadpool_redis::redis;
use dev_servers::RedisServer;
use domain::SaleId;
use store_contract::fixtures::{all_at_once, code_of_no_sale, new_code};

use crate::stores::live_on;

/// How often the server has read from its clients: once for whatever came together.
async fn reads(server: &RedisServer) -> u64 {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let stats: String = redis::cmd("INFO").arg("stats").query_async(&mut connection).await.unwrap();
    let reads = stats.lines().find_map(|line| line.strip_prefix("total_reads_processed:"));
    reads.unwrap().parse().unwrap()
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
