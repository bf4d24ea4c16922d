//! A sale sells exactly its stock, whoever comes and goes.

use std::sync::{Arc, RwLock, atomic::AtomicBool};

use crate::{
    crowd::{Crowd, Log, Urls, audit, audit_sold_out},
    stack::{Kind, Settings, Stack},
};

async fn sells_exactly_its_stock(kind: Kind, processes: usize) {
    let stack =
        Stack::start(Settings { stock: 1_000, hold_ttl: "500ms", processes, ..Settings::on(kind) })
            .await;
    let sale = stack.sale().await;
    let urls: Urls =
        Arc::new(RwLock::new(stack.apps.iter().map(|app| app.url().to_owned()).collect()));
    let (log, stop) = (Arc::new(Log::default()), Arc::new(AtomicBool::new(false)));
    let crowd = Crowd { sale, users: 300, connections: 64, abandoned_percent: 50 };

    crowd.buy(&urls, &log, &stop).await;

    audit_sold_out(&stack, sale, 1_000, 10);
    audit(&stack, sale, &log, false);
    let standing = stack.get(&format!("/sales/{sale}")).await.body;
    assert_eq!((standing["sold"].as_u64(), standing["available"].as_u64()), (Some(1_000), Some(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_sells_exactly_the_stock_with_half_of_all_holds_abandoned() {
    sells_exactly_its_stock(Kind::Servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_with_its_own_stores_sells_exactly_the_stock_too() {
    sells_exactly_its_stock(Kind::Embedded, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_sell_exactly_the_stock_together() {
    sells_exactly_its_stock(Kind::Servers, 2).await;
}
