//! A live store on a cluster of Redis: three masters, and a replica of each.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod moved;
#[path = "../stores/mod.rs"]
mod stores;

use std::sync::LazyLock;

use dev_servers::{RedisCluster, block};
use domain::{
    Epoch, Failure, Sale, StoreError,
    ports::{AuditedLive, HoldRequest, LoadReply, PlaceReply, Verdict},
};
use store_contract::{
    Live,
    fixtures::{new_code, until, user},
    processes::Told,
};

use crate::stores::{Ledger, live_at, stores_at, told_at};

const MASTERS: usize = 3;

/// The cluster that all tests are on which break nothing.
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start(MASTERS, 1).unwrap());

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

mod processes {
    store_contract::processes_contract!(super::told);
}

/// Two processes of a ledger of their own.
async fn told() -> Told {
    told_at(&CLUSTER.url())
}

/// A live store on the one cluster of this program. Each case has sales of its own numbers.
async fn live() -> Live {
    live_at(&CLUSTER.url(), Ledger(7))
}

/// Who has the keys of this sale.
fn owner_of(cluster: &RedisCluster, sale: &Sale) -> usize {
    cluster.owner_of_key(&format!("sale:{{{}}}", sale.id)).unwrap()
}

/// Opens sales until there is one on each master; by master.
async fn a_sale_on_each(cluster: &RedisCluster, live: &Live) -> Vec<(usize, Sale)> {
    let mut sales: Vec<(usize, Sale)> = Vec::new();
    while sales.len() < MASTERS {
        let sale = live.open(5, 5).await;
        let owner = owner_of(cluster, &sale);
        if sales.iter().all(|(known, _)| *known != owner) {
            sales.push((owner, sale));
        }
    }
    sales
}

async fn place(live: &Live, sale: &Sale) -> Result<PlaceReply, StoreError> {
    let request = HoldRequest { code: new_code(sale.id), user: user("eve"), has_key: false };
    live.codes.place_hold(request).await
}

fn is_granted(reply: &Result<PlaceReply, StoreError>) -> bool {
    matches!(reply, Ok(PlaceReply::Granted(_)))
}

/// Loads the sale where it now is, at the next epoch, as soon as that can be reached, and sells by it.
async fn assert_served_when_loaded(live: &Live, sale: &Sale) {
    let rebuilt = Sale { epoch: Epoch(2), ..*sale };
    until(&*live.clock, async || live.sales.status(sale.id).await.ok()).await;
    assert_eq!(live.load(rebuilt, vec![]).await, LoadReply::Loaded);
    assert_eq!(live.take(&rebuilt, &user("ann")).await.epoch, Epoch(2));
    assert_eq!(live.counts(&rebuilt).await, [4, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_are_on_masters_of_their_own_and_asked_for_together() {
    let live = live().await;
    let sales = a_sale_on_each(&CLUSTER, &live).await;

    let asks = sales.iter().map(|(_, sale)| place(&live, sale));
    let replies = futures_util::future::join_all(asks).await;

    assert!(replies.iter().all(is_granted), "{replies:?}");
    for (_, sale) in &sales {
        assert_eq!(live.counts(sale).await, [4, 1, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_that_is_named_leads_to_all() {
    let url = format!("redis+cluster://127.0.0.1:{}", CLUSTER.nodes()[0]);
    let live = live_at(&url, Ledger(7));

    for (_, sale) in a_sale_on_each(&CLUSTER, &live).await {
        live.take(&sale, &user("ann")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rights_that_are_listed_are_enough() {
    let rights = include_str!("../../../../docs/rights.md");
    let [serving, auditing, in_cluster] = ["acl serving", "acl auditing", "acl in a cluster"]
        .map(|of| block(rights, of).replace('\n', " "));
    let url = |who: &str| CLUSTER.url().replacen("://", &format!("://{who}:secret@"), 1);
    for node in 0..CLUSTER.nodes().len() {
        for (who, may) in [("shop", &serving), ("auditor", &auditing)] {
            let rights = format!("ACL SETUSER {who} on >secret resetkeys {may} {in_cluster}");
            assert!(CLUSTER.command(node, &rights).unwrap().contains("OK"));
        }
    }
    let live = live_at(&url("shop"), Ledger(7));

    for (_, sale) in a_sale_on_each(&CLUSTER, &live).await {
        let grant = live.take(&sale, &user("ann")).await;
        live.settle(&sale, &[(grant.code, Verdict::Sold { unit: grant.unit })]).await;
        assert_eq!(live.counts(&sale).await, [4, 0, 1]);
        let auditor = stores_at(&url("auditor"), Ledger(7));
        auditor.ping().await.unwrap();
        assert_eq!(auditor.snapshot(sale.id).await.unwrap().unwrap().sold, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_ask_who_has_what_is_told_which_right_that_needs() {
    let serving =
        block(include_str!("../../../../docs/rights.md"), "acl serving").replace('\n', " ");
    let node = CLUSTER.nodes()[0];
    let rights = format!("ACL SETUSER blind on >secret resetkeys {serving}");
    assert!(CLUSTER.command(0, &rights).unwrap().contains("OK"));

    let live = live_at(&format!("redis+cluster://blind:secret@127.0.0.1:{node}"), Ledger(7));
    let error = place(&live, &store_contract::fixtures::open_sale(5, 5)).await.unwrap_err();

    assert_eq!(error.failure(), Failure::NotDone);
    assert!(error.remedy().unwrap().contains("+cluster|slots"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_one_node_for_the_server_is_told_what_to_say() {
    let url = format!("redis://127.0.0.1:{}", CLUSTER.nodes()[0]);
    let (live, on_cluster) = (live_at(&url, Ledger(7)), live().await);
    let elsewhere = a_sale_on_each(&CLUSTER, &on_cluster).await;

    let mut said = Vec::new();
    for (_, sale) in &elsewhere {
        said.extend(place(&live, sale).await.err());
    }

    assert!(!said.is_empty());
    for error in said {
        assert_eq!(error.failure(), Failure::NotDone);
        assert!(error.remedy().unwrap().contains("redis+cluster://"), "{error:?}");
    }
}
