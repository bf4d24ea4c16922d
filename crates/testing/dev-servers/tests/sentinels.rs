//! Private Redis servers with replicas, under the eyes of sentinels.

use dev_servers::{WatchSettings, WatchedRedis};

#[test]
fn all_sentinels_name_the_first_server_and_know_the_others() {
    let watched = WatchedRedis::start().unwrap();

    assert_eq!(watched.primary().unwrap(), 0);
    for index in 0..3 {
        let said = watched.sentinel(index).command("SENTINEL CKQUORUM shop").unwrap();
        assert!(said.starts_with("OK 3 usable Sentinels"), "{said}");
    }
    let ports = (0..3).map(|index| format!("127.0.0.1:{}", watched.sentinel(index).port()));
    let ports = ports.collect::<Vec<_>>().join(",");
    assert_eq!(watched.url(), format!("redis+sentinel://{ports}/shop"));
    watched.command(0, "SET key value").unwrap();
    assert_eq!(watched.command(0, "WAIT 2 0").unwrap(), "2");
}

#[test]
fn a_killed_primary_is_followed_by_a_replica_and_comes_back_as_one() {
    let watched = WatchedRedis::start().unwrap();
    watched.command(0, "SET key value").unwrap();
    watched.command(0, "WAIT 2 0").unwrap();

    watched.kill(0).unwrap();
    let next = watched.await_another_primary(0).unwrap();

    assert_eq!(watched.command(next, "GET key").unwrap(), "value");
    watched.start_again(0).unwrap();
    watched.await_whole().unwrap();
    assert_eq!(watched.command(0, "GET key").unwrap(), "value");
}

#[test]
fn a_paused_primary_is_followed_too_and_two_sentinels_are_enough() {
    let watched = WatchedRedis::start().unwrap();
    watched.sentinel(0).kill().unwrap();

    watched.pause(0).unwrap();
    watched.await_another_primary(0).unwrap();
    watched.resume(0).unwrap();
    watched.sentinel(0).start_again().unwrap();

    assert_ne!(watched.primary().unwrap(), 0, "who was away does not have the last word");
}

#[test]
fn a_planned_failover_can_be_repeated() {
    let watched = WatchedRedis::start().unwrap();
    watched.command(0, "SET key value").unwrap();
    watched.command(0, "WAIT 2 0").unwrap();

    let next = watched.failover().unwrap();
    assert_ne!(next, 0);
    watched.await_whole().unwrap();
    let third = watched.failover().unwrap();

    assert_ne!(third, next);
    assert_eq!(watched.command(third, "GET key").unwrap(), "value");
}

#[test]
fn a_server_that_starts_again_is_what_the_sentinels_made_it() {
    let watched = WatchedRedis::start().unwrap();
    let next = watched.failover().unwrap();

    watched.kill(next).unwrap();
    watched.start_again(next).unwrap();

    let role = watched.command(next, "ROLE").unwrap();
    assert!(role.starts_with("master"), "{role}");
}

#[test]
fn passwords_are_asked_for_and_keep_nobody_from_taking_over() {
    let watched = WatchedRedis::start_with(WatchSettings {
        server_password: Some("of1".to_owned()),
        sentinel_password: Some("of2".to_owned()),
        min_replicas_to_write: 0,
        tls: None,
    })
    .unwrap();
    assert!(watched.url().starts_with("redis+sentinel://:of1@127.0.0.1:"), "{}", watched.url());
    assert!(watched.command(0, "AUTH of2").is_err());
    assert!(watched.sentinel(0).command("AUTH of1").is_err());

    watched.kill(0).unwrap();
    let next = watched.await_another_primary(0).unwrap();

    assert_eq!(watched.command(next, "SET key value").unwrap(), "OK");
}
