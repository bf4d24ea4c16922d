//! The moment one sale ends and the next begins.

use std::{collections::BTreeMap, time::Duration};

use crate::stack::{Settings, Stack};

fn two_seconds(processes: usize) -> Settings {
    let settings =
        Settings { by_hand: false, sale_period: "2s", hold_ttl: "10s", ..Settings::default() };
    Settings { stock: 100_000, per_user_limit: 1_000, processes, ..settings }
}

/// Across two boundaries, asks every known sale every few milliseconds. No answer is a 5xx,
/// each sale opens within a quarter of a second of its time by the database's clock, and a
/// code of its last moments is good after its end.
#[tokio::test(flavor = "multi_thread")]
async fn sales_open_on_time_and_codes_outlive_their_sale() {
    let stack = Stack::start(two_seconds(2)).await;
    let first = stack.sale().await;
    let mut opened = BTreeMap::new();
    let mut last_codes = BTreeMap::new();
    let mut ended = BTreeMap::<i64, u64>::new();
    let mut ticks = tokio::time::interval(Duration::from_millis(10));

    for turn in 0_usize.. {
        ticks.tick().await;
        for sale in [first, first + 1, first + 2] {
            let url = &stack.apps[turn % 2].url;
            let request = stack.http.post(format!("{url}/checkout?user_id=u{turn}&id={sale}"));
            let answer = crate::stack::Answer::read(request).await.unwrap();
            match answer.name() {
                "ok" => {
                    opened.entry(sale).or_insert_with(|| answer.code().to_owned());
                    last_codes.insert(sale, answer.code().to_owned());
                }
                "sale-ended" => *ended.entry(sale).or_default() += 1,
                "sale-not-open" => assert!(!opened.contains_key(&sale), "{answer:?}"),
                _ => panic!("sale {sale}: {answer:?}"),
            }
        }
        // Each sale keeps its own reckoning of the ledger's clock, so between two there may be a
        // few milliseconds in which one is over and the other not open.
        if ended.contains_key(&(first + 1)) && opened.contains_key(&(first + 2)) {
            break;
        }
    }

    for sale in [first + 1, first + 2] {
        let late_ms = stack.count(&format!(
            "SELECT (extract(epoch FROM attempt.attempted_at - sale.starts_at) * 1000)::bigint \
             FROM checkout_attempts AS attempt JOIN sales AS sale ON sale.id = attempt.sale_id \
             WHERE code = '{}'",
            opened[&sale]
        ));
        assert!(late_ms <= 250, "sale {sale} opened {late_ms} ms late");
    }
    for sale in [first, first + 1] {
        let answer = stack.purchase(&last_codes[&sale]).await;
        assert_eq!((answer.name(), answer.body["sale_id"].as_i64()), ("ok", Some(sale)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hour_changes_once_however_many_processes_run() {
    let stack = Stack::start(two_seconds(3)).await;
    let first = stack.sale().await;

    stack.until("two boundaries have passed", async |stack| stack.sale().await >= first + 2).await;

    let odd = "SELECT count(*) FROM \
               (SELECT starts_at, lead(starts_at) OVER (ORDER BY starts_at) AS next FROM sales) AS sale \
               WHERE next - starts_at <> interval '2 seconds' \
               OR extract(epoch FROM starts_at)::bigint % 2 <> 0";
    assert_eq!(stack.count(odd), 0, "{}", stack.sql("SELECT id, starts_at FROM sales ORDER BY id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_downtime_the_current_slot_is_sold_and_missed_ones_are_not() {
    let mut stack = Stack::start(two_seconds(1)).await;
    let last_made = "SELECT max(id) FROM sales";
    let before = stack.count(last_made);
    stack.apps.remove(0).kill();
    stack
        .until("every sale that was made is over", async |stack| {
            stack.count("SELECT count(*) FROM sales WHERE ends_at > now() - interval '3 seconds'")
                == 0
        })
        .await;

    stack.start_app().await;

    let sale = stack.sale().await;
    assert!(sale > i64::try_from(before).unwrap());
    assert_eq!(stack.checkout("alice", sale).await.name(), "ok");
    let gap = format!(
        "SELECT count(*) FROM sales WHERE id = {before} + 1 AND starts_at > \
         (SELECT ends_at FROM sales WHERE id = {before})"
    );
    assert_eq!(stack.count(&gap), 1, "the missed slots have no sale");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_is_over_leaves_redis_when_its_last_hold_is_resolved() {
    let stack = Stack::start(Settings { hold_ttl: "1s", ..two_seconds(1) }).await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("alice", sale).await.name(), "ok");

    stack
        .until("the sale is closed", async |stack| {
            stack.count(&format!(
                "SELECT count(*) FROM sales WHERE id = {sale} AND state = 'closed'"
            )) == 1
        })
        .await;

    let states = stack.sql(&format!(
        "SELECT state FROM checkout_attempts WHERE sale_id = {sale} AND code IS NOT NULL"
    ));
    assert_eq!(states.trim(), "expired");
    let pattern = format!("sale:{{{sale}}}*");
    stack
        .until("Redis has forgotten it", async |stack| stack.redis_keys(&pattern).await.is_empty())
        .await;
}
