//! The moment one sale ends and the next begins.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use crate::stack::{Settings, Stack};

fn two_seconds(processes: usize) -> Settings {
    let settings =
        Settings { by_hand: false, sale_period: "2s", hold_ttl: "10s", ..Settings::default() };
    Settings { stock: 100_000, per_user_limit: 1_000, processes, ..settings }
}

/// Across two boundaries, asks both sales every few milliseconds. No answer is a 5xx, whoever
/// asks a sale a quarter of a second after its time, by the database's clock, finds it open,
/// and a code of its last moments is good after its end.
#[tokio::test(flavor = "multi_thread")]
async fn sales_open_on_time_and_codes_outlive_their_sale() {
    let stack = Stack::start(two_seconds(2)).await;
    let to_come = "SELECT id FROM sales WHERE starts_at > clock_timestamp() + interval '0.5 s' \
                   ORDER BY starts_at LIMIT 2";
    let sales: Vec<i64> = stack.sql(to_come).lines().map(|id| id.parse().unwrap()).collect();
    let mut asked_in_vain = BTreeMap::new();
    let mut last_codes = BTreeMap::new();
    let mut has_ended = false;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));

    // Each sale keeps its own reckoning of the ledger's clock, so between two there may be a few
    // milliseconds in which one is over and the other not open.
    while !(has_ended && last_codes.contains_key(&sales[1])) {
        ticks.tick().await;
        for &sale in &sales {
            let asked_at = database_now_ms();
            let answer = stack.checkout("alice", sale).await;
            match answer.name() {
                "ok" => {
                    last_codes.insert(sale, answer.code().to_owned());
                }
                "sale-not-open" => {
                    assert!(!last_codes.contains_key(&sale), "{answer:?}");
                    asked_in_vain.insert(sale, asked_at);
                }
                "sale-ended" => {
                    assert_eq!(sale, sales[0], "{answer:?}");
                    has_ended = true;
                }
                _ => panic!("sale {sale}: {answer:?}"),
            }
        }
    }

    for sale in &sales {
        let starts_at = stack.count(&format!(
            "SELECT (extract(epoch FROM starts_at) * 1000)::bigint FROM sales WHERE id = {sale}"
        ));
        let latest = asked_in_vain[sale];
        assert!(latest <= starts_at + 250, "sale {sale} of {starts_at} was not open at {latest}");
    }
    let answer = stack.purchase(&last_codes[&sales[0]]).await;
    assert_eq!((answer.name(), answer.body["sale_id"].as_i64()), ("ok", Some(sales[0])));
}

/// The database runs on this machine.
#[expect(clippy::disallowed_methods, reason = "nothing is decided by it, it is only compared")]
fn database_now_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    now.as_millis().try_into().unwrap()
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
