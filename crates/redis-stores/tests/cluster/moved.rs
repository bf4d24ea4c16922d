//! What becomes of a sale whose slot goes to another node, by order or because its node is lost. Each test has
//! its own cluster.

use std::time::Duration;

use dev_servers::{RedisCluster, chain};

use super::*;

/// Nobody waits longer than this for a node that is gone.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_was_moved_is_followed_and_its_sale_served_when_it_is_loaded_there() {
    let cluster = RedisCluster::start(MASTERS, 0).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    let ((_, sale), (to, _)) = (&sales[0], &sales[1]);
    let grant = live.take(sale, &user("ann")).await;
    let slot = cluster.slot_of_key(&format!("sale:{{{}}}", sale.id)).unwrap();

    cluster.move_slot(slot, *to).unwrap();

    // The keys came with it, and the memory of what was loaded did not.
    assert_eq!(live.find(grant.code).await, Some(grant.unit));
    assert_eq!(place(&live, sale).await.unwrap(), PlaceReply::NotLoaded);
    assert_eq!(live.codes.due(sale.id, 9).await.unwrap(), None);
    assert_served_when_loaded(&live, sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_on_its_way_is_asked_for_where_its_keys_are() {
    let cluster = RedisCluster::start(MASTERS, 0).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    let ((_, sale), (to, _)) = (&sales[0], &sales[1]);
    let [sold, held] = [live.take(sale, &user("ann")).await, live.take(sale, &user("bob")).await];
    live.settle(sale, &[(sold.code, Verdict::Sold { unit: sold.unit })]).await;
    let slot = cluster.slot_of_key(&format!("sale:{{{}}}", sale.id)).unwrap();

    let moving = cluster.begin_to_move_slot(slot, *to).unwrap();
    assert!(is_granted(&place(&live, sale).await), "while all keys are where they were");
    moving.move_keys(1).unwrap();
    let refused = place(&live, sale).await.unwrap_err();
    assert_eq!(refused.failure(), Failure::NotDone);
    assert!(refused.remedy().unwrap().contains("on its way"), "{refused:?}");
    for (_, other) in &sales[1..] {
        assert!(is_granted(&place(&live, other).await));
    }
    while moving.move_keys(1).unwrap() > 0 {}
    // A process that was there before, and one that has called neither node.
    for live in [&live, &live_at(&cluster.url(), Ledger(7))] {
        assert_eq!(live.find(held.code).await, Some(held.unit));
        assert_eq!(place(live, sale).await.unwrap(), PlaceReply::NotLoaded);
    }

    moving.end().unwrap();
    assert_served_when_loaded(&live, sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_lost_is_followed_by_its_replica_and_other_sales_go_on_meanwhile() {
    let cluster = RedisCluster::start(MASTERS, 1).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    let (lost, sale) = &sales[0];

    cluster.kill(*lost).unwrap();

    let failed = tokio::time::timeout(SOON, place(&live, sale)).await.unwrap();
    assert!(matches!(failed.unwrap_err().failure(), Failure::Unknown | Failure::NotDone));
    for (_, other) in &sales[1..] {
        assert!(is_granted(&place(&live, other).await));
    }
    assert_served_when_loaded(&live, sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_stands_still_is_left_and_keeps_nobody_waiting_who_wants_another() {
    let cluster = RedisCluster::start(MASTERS, 1).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    let (lost, sale) = &sales[0];
    live.take(sale, &user("ann")).await;

    cluster.pause(*lost).unwrap();

    // The first call waits for its reply, and whoever comes after it is told at once that the node is away.
    let failed = tokio::time::timeout(SOON, place(&live, sale)).await.unwrap();
    assert_eq!(failed.unwrap_err().failure(), Failure::Unknown);
    let both = futures_util::future::join(place(&live, sale), place(&live, &sales[1].1)).await;
    let error = both.0.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
    assert!(chain(&error).contains("did not answer a moment ago"), "{error:?}");
    assert!(is_granted(&both.1));
    assert_served_when_loaded(&live, sale).await;
    cluster.resume(*lost).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_change_of_master_is_followed() {
    let cluster = RedisCluster::start(MASTERS, 1).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let (owner, sale) = a_sale_on_each(&cluster, &live).await.remove(0);
    let grant = live.take(&sale, &user("ann")).await;

    cluster.failover_to_replica_of(owner).unwrap();

    until(&*live.clock, async || live.codes.find(grant.code).await.ok().flatten()).await;
    assert_eq!(place(&live, &sale).await.unwrap(), PlaceReply::NotLoaded);
    assert_served_when_loaded(&live, &sale).await;
    // Each line has left the one that is a replica now, when it is used the next time.
    until(&*live.clock, async || {
        live.find(grant.code).await;
        let clients = cluster.command(owner, "CLIENT LIST").unwrap();
        let is_left = ["cmd=fcall ", "cmd=hmget "].iter().all(|last| !clients.contains(last));
        is_left.then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_lost_a_part_of_its_slots_sells_what_is_in_the_others() {
    let cluster = RedisCluster::start(MASTERS, 0).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    let (lost, sale) = &sales[0];

    cluster.kill(*lost).unwrap();
    cluster.await_missed(*lost).unwrap();

    for _ in 0..3 {
        let asks = sales.iter().map(|(_, sale)| place(&live, sale));
        let replies = futures_util::future::join_all(asks).await;
        assert!(replies[1..].iter().all(is_granted), "{replies:?}");
        assert!(replies[0].is_err());
    }
    cluster.start_again(*lost).unwrap();
    assert_served_when_loaded(&live, sale).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_the_library_is_given_it_whoever_asks() {
    let cluster = RedisCluster::start(MASTERS, 0).unwrap();
    let live = live_at(&cluster.url(), Ledger(7));
    let sales = a_sale_on_each(&cluster, &live).await;
    for (owner, _) in &sales {
        assert!(cluster.command(*owner, "FUNCTION FLUSH").unwrap().contains("OK"));
    }

    let asks = sales.iter().map(|(_, sale)| place(&live, sale));
    for reply in futures_util::future::join_all(asks).await {
        assert_eq!(reply.unwrap(), PlaceReply::NotLoaded);
    }
    for (_, sale) in &sales {
        assert_served_when_loaded(&live, sale).await;
    }
}
