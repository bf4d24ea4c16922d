//! What `docs/redis.md` has operators write into the files of a server and type into a shell, given to real ones.
//! `…` stands for whatever there is, and alone in a line for any number of lines.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
};

use dev_servers::{RedisCluster, WatchedRedis};

const PAGE: &str = include_str!("../../../docs/redis.md");

/// The blocks of this kind, each with its lines.
fn blocks(kind: &str) -> Vec<Vec<&'static str>> {
    let (mut blocks, mut is_in) = (Vec::<Vec<_>>::new(), false);
    for line in PAGE.lines() {
        match line.strip_prefix("```") {
            Some(of) if !is_in && of == kind => {
                is_in = true;
                blocks.push(Vec::new());
            }
            Some(_) => is_in = false,
            None if is_in => blocks.last_mut().unwrap().push(line),
            None => {}
        }
    }
    assert!(!blocks.is_empty(), "no block of {kind}");
    blocks
}

/// A program of Redis.
fn program(name: &str) -> PathBuf {
    env::var_os("REDIS_BIN").map_or_else(|| name.into(), |dir| PathBuf::from(dir).join(name))
}

fn free_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port().to_string()
}

/// Each command of the blocks with what it is to print.
fn run(kind: &str, ports: &[(&str, u16)]) {
    for block in blocks(kind) {
        let mut lines = block.into_iter().peekable();
        while let Some(command) = lines.next().and_then(|line| line.strip_prefix("$ redis-cli ")) {
            let mut words = command.to_owned();
            for (there, here) in ports {
                words = words.replace(&format!("-p {there} "), &format!("-p {here} "));
            }
            let script = format!("{} {words}", program("redis-cli").display());
            let output = Command::new("sh").args(["-c", &script]).output().unwrap();
            assert!(output.status.success(), "{script}: {output:?}");
            let printed = String::from_utf8(output.stdout).unwrap();
            let mut printed = printed.lines();
            while let Some(said) = lines.next_if(|line| !line.starts_with("$ ")) {
                if said == "…" {
                    printed = "".lines();
                } else {
                    assert_eq!(printed.next().map(str::trim_end), Some(said), "{script}");
                }
            }
            assert_eq!(printed.next(), None, "{script}");
        }
        assert_eq!(lines.next(), None, "what comes after a command is what it prints");
    }
}

#[test]
fn a_server_and_a_sentinel_take_what_is_to_be_in_their_files() {
    let of_all: Vec<_> = blocks("ini").remove(0);
    for block in blocks("ini") {
        let is_sentinel = block[0].contains("sentinel.conf");
        let settings = if is_sentinel { block } else { [of_all.clone(), block].concat() };
        let settings = settings.join("\n").replace("a.example", "127.0.0.1");
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file.conf");
        fs::write(&file, settings).unwrap();
        let mut server = Command::new(program("redis-server"));
        server.arg(&file).args(["--port", &free_port(), "--dir"]).arg(home.path());
        if is_sentinel {
            server.arg("--sentinel");
        } else {
            server.args(["--cluster-port", &free_port()]);
        }
        server.stdout(Stdio::piped());
        let mut server = server.spawn().unwrap();

        let mut said = String::new();
        let is_up = BufReader::new(server.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .any(|line| {
                said.push_str(&line);
                line.contains("Ready to accept connections") || line.contains("Sentinel ID is")
            });
        server.kill().unwrap();
        server.wait().unwrap();
        assert!(is_up, "{said}");
    }
}

#[test]
fn sentinels_answer_as_the_page_says() {
    let servers = WatchedRedis::start().unwrap();
    run("sh sentinel", &[("26379", servers.sentinel(0).port())]);
}

#[test]
fn nodes_answer_as_the_page_says() {
    let cluster = RedisCluster::start(3, 1).unwrap();
    run("sh cluster", &[("6379", cluster.nodes()[0]), ("6382", cluster.nodes()[3])]);
}
