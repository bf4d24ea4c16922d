//! A sale that is loaded in many parts while buyers keep asking.

use std::time::Duration;

use tokio::{
    task::{JoinSet, block_in_place},
    time::{sleep, timeout},
};

use crate::stack::{Answer, Settings, Stack};

const STOCK: u32 = 50_000;

/// How long each buyer waits before they hang up: less than the load takes, on most machines, and
/// enough for an answer once it is over.
const PATIENCE: Duration = Duration::from_millis(150);

/// Every unit is on hold, by another user each.
const HOLD_ALL: &str = "
    INSERT INTO checkout_attempts (
        sale_id, attempted_at, code, expires_at, epoch, unit, outcome, state, slot, user_id
    )
    SELECT
        sale.id, now(),
        overlay(overlay(
            lpad(to_hex(sale.id), 10, '0') || substr(md5('' || unit), 1, 22) PLACING '8' FROM 13
        ) PLACING '8' FROM 17)::uuid,
        now() + interval '1 hour', sale.epoch, unit, 'granted', 'held', 0, 'user-' || unit
    FROM sales AS sale, generate_series(1, sale.stock) AS unit";

/// Asks until there is an answer of the business, and hangs up each time it is late.
async fn keep_asking(request: reqwest::RequestBuilder) -> Answer {
    loop {
        let asked = Answer::read(request.try_clone().unwrap());
        if let Ok(Ok(answer)) = timeout(PATIENCE, asked).await
            && answer.status < 500
        {
            return answer;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_sale_is_served_again_whole_and_loaded_once_however_many_ask_and_hang_up() {
    let settings = Settings { stock: STOCK, processes: 1, ..Settings::default() };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    stack.sql(HOLD_ALL);
    let before = stack.count("SELECT epoch FROM sales");

    block_in_place(|| stack.redis().flush_all().unwrap());
    let mut buyers = JoinSet::new();
    for buyer in 0..8 {
        let url = format!("{}/checkout?user_id=buyer-{buyer}&id={sale}", stack.url());
        buyers.spawn(keep_asking(stack.http.post(url)));
    }

    for answer in buyers.join_all().await {
        assert_eq!(answer.name(), "sold-out", "{answer:?}");
    }
    assert_eq!(stack.count("SELECT epoch FROM sales"), before + 1, "loaded more than once");
    let held = stack.get(&format!("/sales/{sale}")).await.body["held"].clone();
    assert_eq!(held, STOCK);
}
