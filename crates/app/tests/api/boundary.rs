//! The moment one sale ends and the next begins.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use tokio::task::block_in_place;

use crate::stack::{Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    sales_open_on_time_and_codes_outlive_their_sale
    the_hour_changes_once_however_many_processes_run
    after_downtime_the_current_slot_is_sold_and_missed_ones_are_not
    a_sale_that_is_over_is_closed_when_its_last_hold_is_resolved
}

fn two_seconds(kind: Kind) -> Settings {
    let settings =
        Settings { by_hand: false, sale_period: "2s", hold_ttl: "10s", ..Settings::on(kind) };
    Settings { stock: 100_000, per_user_limit: 1_000, ..settings }
}

/// A line of `flashsale sales list`.
struct Listed {
    id: i64,
    starts_at: Timestamp,
    ends_at: Timestamp,
    state: String,
}

impl Stack {
    /// Every sale that was made, in their order.
    fn sales(&self) -> Vec<Listed> {
        let list = self.operate(&["sales", "list", "--limit", "1000"]);
        let lines = list.lines().skip(1).map(|line| {
            let columns: Vec<_> = line.split_whitespace().collect();
            Listed {
                id: columns[0].parse().unwrap(),
                starts_at: columns[1].parse().unwrap(),
                ends_at: columns[2].parse().unwrap(),
                state: columns[3].to_owned(),
            }
        });
        let mut sales: Vec<_> = lines.collect();
        sales.sort_unstable_by_key(|sale| sale.id);
        sales
    }
}

/// Across two boundaries, asks both sales every few milliseconds. No answer is a 5xx, whoever
/// asks a sale a quarter of a second after its time, by the database's clock, finds it open,
/// and a code of its last moments is good after its end.
async fn sales_open_on_time_and_codes_outlive_their_sale(kind: Kind) {
    let stack = Stack::start(two_seconds(kind)).await;
    let soon = Timestamp::now() + Duration::from_millis(500);
    let to_come = stack.sales().into_iter().filter(|sale| sale.starts_at > soon).take(2);
    let opens_at: Vec<_> = to_come.map(|sale| (sale.id, sale.starts_at)).collect();
    let sales: Vec<_> = opens_at.iter().map(|&(id, _)| id).collect();
    let mut asked_in_vain = BTreeMap::new();
    let mut last_codes = BTreeMap::new();
    let mut has_ended = false;
    let mut ticks = tokio::time::interval(Duration::from_millis(10));

    // Each sale keeps its own reckoning of the ledger's clock, so between two there may be a few
    // milliseconds in which one is over and the other not open.
    while !(has_ended && last_codes.contains_key(&sales[1])) {
        ticks.tick().await;
        for &sale in &sales {
            // The database runs on this machine.
            let asked_at = Timestamp::now();
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

    for (sale, starts_at) in &opens_at {
        let latest = asked_in_vain[sale];
        let is_on_time = latest <= *starts_at + Duration::from_millis(250);
        assert!(is_on_time, "sale {sale} of {starts_at} was not open at {latest}");
    }
    let answer = stack.purchase(&last_codes[&sales[0]]).await;
    assert_eq!((answer.name(), answer.body["sale_id"].as_i64()), ("ok", Some(sales[0])));
}

async fn the_hour_changes_once_however_many_processes_run(kind: Kind) {
    let settings = two_seconds(kind);
    let processes = if kind == Kind::Servers { 3 } else { 1 };
    let stack = Stack::start(Settings { processes, ..settings }).await;
    let first = stack.sale().await;

    stack.until("two boundaries have passed", async |stack| stack.sale().await >= first + 2).await;

    let starts: Vec<_> = stack.sales().iter().map(|sale| sale.starts_at.as_millisecond()).collect();
    assert!(starts.iter().all(|start| start % 2_000 == 0), "{starts:?}");
    assert!(starts.windows(2).all(|pair| pair[1] - pair[0] == 2_000), "{starts:?}");
}

async fn after_downtime_the_current_slot_is_sold_and_missed_ones_are_not(kind: Kind) {
    let mut stack = Stack::start(Settings { processes: 1, ..two_seconds(kind) }).await;
    block_in_place(|| stack.apps.remove(0).kill().unwrap());
    let before = stack.sales().pop().unwrap();
    stack
        .until("every sale that was made is over", async |_| {
            Timestamp::now() > before.ends_at + Duration::from_secs(3)
        })
        .await;

    stack.start_app().await;

    // A slot of two seconds may end between two questions; and the process, which says what is on now,
    // may be a moment ahead of Redis, which says what may be had.
    let answer = stack
        .once("an answer of the slot that is on", async |stack| {
            let answer = stack.checkout("alice", stack.sale().await).await;
            let at_its_edge = ["sale-ended", "sale-not-open"].contains(&answer.name());
            (!at_its_edge).then_some(answer)
        })
        .await;
    assert_eq!(answer.name(), "ok", "{answer:?}");
    let next = stack.sales().into_iter().find(|sale| sale.id > before.id).unwrap();
    assert!(next.starts_at > before.ends_at, "the missed slots have no sale");
}

async fn a_sale_that_is_over_is_closed_when_its_last_hold_is_resolved(kind: Kind) {
    let settings = Settings { hold_ttl: "1s", processes: 1, ..two_seconds(kind) };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    assert_eq!(stack.checkout("alice", sale).await.name(), "ok");

    stack
        .until("the sale is closed", async |stack| {
            stack.sales().iter().any(|listed| listed.id == sale && listed.state == "closed")
        })
        .await;

    let states = stack.sql(&format!(
        "SELECT state FROM checkout_attempts WHERE sale_id = {sale} AND code IS NOT NULL"
    ));
    assert_eq!(states.trim(), "expired");
    if kind == Kind::Servers {
        let pattern = format!("sale:{{{sale}}}*");
        stack
            .until("Redis has forgotten it", async |stack| {
                stack.redis_keys(&pattern).await.is_empty()
            })
            .await;
    }
}
