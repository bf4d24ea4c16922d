//! Private Redis Clusters: whole, without a node, and with slots that move.

use dev_servers::RedisCluster;

#[test]
fn every_node_of_a_new_cluster_serves_and_each_master_has_a_replica() {
    let cluster = RedisCluster::start(3, 1).unwrap();

    for index in 0..6 {
        let info = cluster.command(index, "CLUSTER INFO").unwrap();
        assert!(info.contains("cluster_state:ok"), "{info}");
        assert!(
            info.contains("cluster_known_nodes:6") && info.contains("cluster_size:3"),
            "{info}"
        );
    }
    let masters = [0, 8_191, 16_383].map(|slot| cluster.owner_of_slot(slot).unwrap());
    let mut nodes = masters.to_vec();
    nodes.extend(masters.iter().flat_map(|&master| cluster.replicas_of(master)));
    nodes.sort_unstable();
    assert_eq!(nodes, [0, 1, 2, 3, 4, 5]);
    assert_eq!(cluster.slot_of_key("sale:{7}:free").unwrap(), cluster.slot_of_key("7").unwrap());
    let ports = cluster.nodes().iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>();
    assert_eq!(cluster.url(), format!("redis+cluster://{}", ports.join(",")));
}

#[test]
fn a_killed_owner_is_followed_by_its_replica_and_comes_back_as_one() {
    let cluster = RedisCluster::start(3, 1).unwrap();
    let slot = cluster.slot_of_key("key").unwrap();
    let owner = cluster.owner_of_key("key").unwrap();
    cluster.command(owner, "SET key value").unwrap();
    cluster.command(owner, "WAIT 1 0").unwrap();

    let replica = cluster.replicas_of(owner)[0];
    cluster.kill(owner).unwrap();
    let next = cluster.await_another_owner(slot, owner).unwrap();

    assert_eq!(next, replica);
    assert_eq!(cluster.command(next, "GET key").unwrap(), "value");
    cluster.start_again(owner).unwrap();
    cluster.await_whole().unwrap();
    assert_eq!(cluster.replicas_of(next), [owner]);
}

#[test]
fn a_paused_owner_loses_its_slots_and_knows_it_when_it_goes_on() {
    let cluster = RedisCluster::start(3, 1).unwrap();
    let slot = cluster.slot_of_key("key").unwrap();
    let owner = cluster.owner_of_key("key").unwrap();

    cluster.pause(owner).unwrap();
    let next = cluster.await_another_owner(slot, owner).unwrap();
    cluster.resume(owner).unwrap();
    cluster.await_whole().unwrap();

    assert_eq!(cluster.owner_of_slot(slot).unwrap(), next);
    let refused = cluster.command(owner, "SET key value").unwrap_err().to_string();
    assert!(refused.contains(&format!("MOVED {slot}")), "{refused}");
}

#[test]
fn the_others_serve_while_nobody_has_a_third_of_the_slots() {
    let cluster = RedisCluster::start(3, 0).unwrap();
    let (owner, other) = (cluster.owner_of_key("key").unwrap(), cluster.owner_of_key("b").unwrap());
    assert_ne!(owner, other);

    cluster.kill(owner).unwrap();
    cluster.await_missed(owner).unwrap();

    let info = cluster.command(other, "CLUSTER INFO").unwrap();
    assert!(info.contains("cluster_slots_fail:546"), "{info}");
    assert_eq!(cluster.command(other, "SET b value").unwrap(), "OK");
}

#[test]
fn a_replica_changes_places_with_its_master_and_nothing_is_lost() {
    let cluster = RedisCluster::start(3, 1).unwrap();
    let owner = cluster.owner_of_key("key").unwrap();
    cluster.command(owner, "SET key value").unwrap();

    let next = cluster.failover_to_replica_of(owner).unwrap();
    cluster.await_whole().unwrap();

    assert_eq!(cluster.owner_of_key("key").unwrap(), next);
    assert_eq!(cluster.command(next, "GET key").unwrap(), "value");
    assert_eq!(cluster.failover_to_replica_of(next).unwrap(), owner);
}

#[test]
fn a_slot_moves_with_all_its_keys() {
    let cluster = RedisCluster::start(3, 1).unwrap();
    let slot = cluster.slot_of_key("{tag}").unwrap();
    let from = cluster.owner_of_slot(slot).unwrap();
    let to = (from + 1) % 3;
    for number in 0..150 {
        cluster.command(from, &format!("SET {{tag}}:{number} {number}")).unwrap();
    }

    cluster.move_slot(slot, to).unwrap();

    assert_eq!(cluster.owner_of_slot(slot).unwrap(), to);
    assert_eq!(cluster.command(to, &format!("CLUSTER COUNTKEYSINSLOT {slot}")).unwrap(), "150");
    assert_eq!(cluster.command(to, "GET {tag}:149").unwrap(), "149");
    let refused = cluster.command(from, "GET {tag}:149").unwrap_err().to_string();
    assert!(refused.contains(&format!("MOVED {slot}")), "{refused}");
    cluster.await_whole().unwrap();
}

#[test]
fn a_slot_on_its_way_has_its_keys_at_either_end() {
    let cluster = RedisCluster::start(3, 0).unwrap();
    let slot = cluster.slot_of_key("{tag}").unwrap();
    let from = cluster.owner_of_slot(slot).unwrap();
    let to = (from + 1) % 3;
    cluster.command(from, "MSET {tag}:1 one {tag}:2 two").unwrap();

    let moving = cluster.begin_to_move_slot(slot, to).unwrap();
    assert_eq!(moving.from(), from);
    assert_eq!(cluster.owner_of_slot(slot).unwrap(), from);
    assert_eq!(moving.move_keys(1).unwrap(), 1);

    let refused = cluster.command(from, "MGET {tag}:1 {tag}:2").unwrap_err().to_string();
    assert!(refused.contains("TRYAGAIN"), "{refused}");
    let asked = cluster.command(from, "GET {tag}:3").unwrap_err().to_string();
    assert!(asked.contains(&format!("ASK {slot}")), "{asked}");
    moving.end().unwrap();
    assert_eq!(cluster.command(to, "MGET {tag}:1 {tag}:2").unwrap(), "one\ntwo");
}
