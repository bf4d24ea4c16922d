//! Private Redis servers: killed, and started again empty or from a snapshot.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use dev_servers::RedisServer;

#[test]
fn a_new_server_answers_and_is_empty() {
    let server = RedisServer::start().unwrap();

    assert_eq!(ask(&server, "DBSIZE"), ":0");
    assert!(server.version().unwrap().starts_with("Redis server "));
}

#[test]
fn it_refuses_writes_rather_than_evict() {
    let server = RedisServer::start().unwrap();

    assert!(ask(&server, "CONFIG GET maxmemory-policy").ends_with("noeviction"));
}

#[test]
fn one_without_memory_refuses_what_would_add_to_it_until_it_has_some() {
    let server = RedisServer::start().unwrap();

    server.limit_memory(1).unwrap();
    assert!(ask(&server, "SET key value").starts_with("-OOM"));
    server.limit_memory(0).unwrap();

    ask(&server, "SET key value");
    assert_eq!(ask(&server, "DBSIZE"), ":1");
}

#[test]
fn a_killed_server_comes_back_empty_on_the_same_port() {
    let server = RedisServer::start().unwrap();
    let url = server.url();
    ask(&server, "SET key value");

    server.kill().unwrap();
    assert!(TcpStream::connect(address(&server)).is_err());
    server.start_again().unwrap();

    assert_eq!(ask(&server, "DBSIZE"), ":0");
    assert_eq!(server.url(), url);
}

#[test]
fn a_replica_holds_what_its_master_held_until_it_stops_following() {
    let (master, replica) = (RedisServer::start().unwrap(), RedisServer::start().unwrap());
    ask(&master, "SET old value");

    replica.follow(&master).unwrap();
    assert_eq!(ask(&replica, "EXISTS old"), ":1");
    replica.stop_following().unwrap();
    ask(&master, "SET new value");

    assert_eq!(ask(&replica, "EXISTS new"), ":0");
    ask(&replica, "SET own value");
    assert_eq!(ask(&replica, "EXISTS own"), ":1");
}

#[test]
fn a_snapshot_brings_back_its_own_time_and_only_once() {
    let server = RedisServer::start().unwrap();
    ask(&server, "SET old value");
    ask(
        &server,
        "FUNCTION LOAD \"#!lua name=lib\\nredis.register_function('f', function() return 7 end)\"",
    );
    let snapshot = server.save_snapshot().unwrap();
    ask(&server, "SET new value");

    server.start_again_from(&snapshot).unwrap();

    assert_eq!(ask(&server, "EXISTS old"), ":1");
    assert_eq!(ask(&server, "EXISTS new"), ":0");
    assert_eq!(ask(&server, "FCALL f 0"), ":7");
    server.kill().unwrap();
    server.start_again().unwrap();
    assert_eq!(ask(&server, "DBSIZE"), ":0");
}

#[test]
fn a_flush_leaves_no_key() {
    let server = RedisServer::start().unwrap();
    ask(&server, "SET key value");

    server.flush_all().unwrap();

    assert_eq!(ask(&server, "DBSIZE"), ":0");
}

#[test]
fn two_servers_know_nothing_of_each_other() {
    let (one, two) = (RedisServer::start().unwrap(), RedisServer::start().unwrap());
    ask(&one, "SET key value");

    assert_eq!(ask(&two, "DBSIZE"), ":0");
}

#[test]
fn twenty_at_once_find_a_port_each() {
    let servers: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..20).map(|_| scope.spawn(RedisServer::start)).collect();
        starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect()
    });

    for server in &servers {
        assert_eq!(ask(server, "DBSIZE"), ":0");
    }
}

/// What the server replies to an inline command, without the last line end.
fn ask(server: &RedisServer, command: &str) -> String {
    let mut stream = TcpStream::connect(address(server)).unwrap();
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply.trim_end_matches("+OK\r\n").trim_end().to_owned()
}

fn address(server: &RedisServer) -> String {
    server.url().trim_start_matches("redis://").to_owned()
}
