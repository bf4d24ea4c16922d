//! `make demo`: one sale of 10,000 units, 3,000 users with a limit of 10, half of all holds
//! abandoned. Prints how it goes, then holds the ledger against every answer the users got.

#![expect(clippy::unwrap_used, reason = "a demonstration that cannot go on has failed")]
#![expect(clippy::print_stdout, reason = "it is there to be watched")]
#![expect(clippy::print_stderr, reason = "the service's own warnings")]

#[path = "../api/crowd.rs"]
mod crowd;
#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../api/stack/mod.rs"]
mod stack;

use std::{
    sync::{Arc, RwLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    crowd::{Crowd, Log, Urls, audit, audit_sold_out},
    stack::{Settings, Stack},
};

const STOCK: u32 = 10_000;
const LIMIT: u16 = 10;

#[tokio::main]
async fn main() {
    println!("Starting Postgres, Redis and the service ...");
    let settings =
        Settings { stock: STOCK, per_user_limit: LIMIT, hold_ttl: "2s", ..Settings::default() };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let crowd = Crowd { sale, users: 3_000, connections: 64, abandoned_percent: 50 };
    println!(
        "Sale {sale}: {STOCK} units, at most {LIMIT} a user, holds of 2 s.\n\
         {} users come by on {} connections; {} % of the holds are never redeemed.\n",
        crowd.users, crowd.connections, crowd.abandoned_percent
    );

    let urls: Urls = Arc::new(RwLock::new(vec![stack.url().to_owned()]));
    let log = Arc::new(Log::default());
    let start = Instant::now();
    let rush = tokio::spawn({
        let (urls, log) = (Arc::clone(&urls), Arc::clone(&log));
        async move { crowd.buy(&urls, &log, &Arc::new(AtomicBool::new(false))).await }
    });
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    println!("      time      sold      held      free   checkouts");
    while !rush.is_finished() {
        ticks.tick().await;
        show(&stack, sale, &log, start).await;
    }
    rush.await.unwrap();
    show(&stack, sale, &log, start).await;
    let took = start.elapsed();

    audit_sold_out(&stack, sale, STOCK.into(), LIMIT.into());
    audit(&stack, sale, &log, false);
    println!(
        "\nSold out in {:.1} s. In the ledger:\n\
         - exactly {STOCK} purchases, every unit from 1 to {STOCK} once\n\
         - no user above {LIMIT}\n\
         - every code and every receipt that a user saw\n\
         - every attempt, by outcome: {:?}",
        took.as_secs_f64(),
        log.checkouts.lock().unwrap(),
    );
}

/// One line of progress.
async fn show(stack: &Stack, sale: i64, log: &Log, start: Instant) {
    let standing = stack.get(&format!("/sales/{sale}")).await.body;
    let checkouts: u64 = log.checkouts.lock().unwrap().values().sum();
    println!(
        "{:>8.1} s {:>9} {:>9} {:>9} {checkouts:>11}",
        start.elapsed().as_secs_f64(),
        standing["sold"].to_string(),
        standing["held"].to_string(),
        standing["available"].to_string(),
    );
}
