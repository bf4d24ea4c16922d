//! Peers that stand still, never read, or speak no HTTP: each has a deadline and a bound, and is
//! answered as everybody is.

use std::{fs, time::Duration};

use dev_servers::tied::Signal;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::{JoinSet, block_in_place},
    time::{Instant, timeout},
};

use crate::stack::{Kind, PATIENCE, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_request_that_stops_half_way_is_answered_408_and_closed
    a_connection_that_asks_no_more_is_closed
    a_body_in_small_pieces_is_read_to_its_end
    what_is_no_request_is_a_problem_too
    requests_that_come_together_are_answered_in_their_order
    a_peer_that_never_reads_is_cut_and_costs_little
    silent_peers_give_way_when_there_are_too_many
    sigterm_waits_for_no_peer_that_stands_still
    a_second_signal_ends_it_at_once
    the_limits_in_the_readme_are_true
}

/// A stop that waits for a peer takes ten seconds, and one that does not takes three. This is
/// between the two, for a machine that has much else to do.
const STOPS_WITHIN: Duration = Duration::from_secs(8);

/// What a peer says that asks once.
const LAST_WORDS: &str = "GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";

/// A connection, by bytes.
struct Peer(TcpStream);

impl Peer {
    async fn of(stack: &Stack) -> Self {
        Self::at(stack.url()).await
    }

    async fn at(url: &str) -> Self {
        Self(TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap())
    }

    /// One that has little room for what it does not read.
    async fn narrow(stack: &Stack) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let address = stack.url().strip_prefix("http://").unwrap().parse().unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    async fn sent(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.write_all(bytes.as_ref()).await.unwrap();
        self
    }

    /// All that comes until the service closes the connection.
    async fn rest(mut self) -> String {
        let mut text = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut text)).await;
        let text = String::from_utf8_lossy(&text).into_owned();
        read.unwrap_or_else(|_| panic!("not closed, after {text:?}")).unwrap();
        text
    }
}

/// One settled process.
fn one(kind: Kind) -> Settings {
    Settings { processes: 1, ..Settings::on(kind) }
}

/// A request with a head of these lines and the beginning of a body.
fn post(lines: &str, body: &str) -> String {
    format!(
        "POST /checkout HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n{lines}\r\n\r\n{body}"
    )
}

/// Checks that an answer, the last on its connection, is this problem.
fn assert_problem(answer: &str, status: u16, name: &str) {
    let begin = answer.rfind("HTTP/1.1 ").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let (head, body) = answer[begin..].split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer:?}"));
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
    assert!(head.contains("content-type: application/problem+json"), "{answer:?}");
    assert!(head.contains("connection: close"), "{answer:?}");
    assert_eq!(body["type"], format!("/problems/{name}"), "{answer:?}");
    assert_eq!(body["status"], status, "{answer:?}");
}

async fn a_request_that_stops_half_way_is_answered_408_and_closed(kind: Kind) {
    let stack = Stack::start(one(kind)).await;

    let mut answers = JoinSet::new();
    for half in [
        String::new(),
        "GET /hea".to_owned(),
        post("content-length: 30", "{"),
        post("transfer-encoding: chunked", "1\r\n{\r\n"),
    ] {
        let peer = Peer::of(&stack).await.sent(half).await;
        answers.spawn(peer.rest());
    }
    // The same on a connection that was of use before.
    let mut used =
        Peer::of(&stack).await.sent("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;
    let mut answer = [0; 256];
    assert!(used.0.read(&mut answer).await.unwrap() > 0);
    answers.spawn(used.sent("GET /hea").await.rest());

    for answer in answers.join_all().await {
        assert_problem(&answer, 408, "request-timeout");
    }
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0);
}

async fn a_connection_that_asks_no_more_is_closed(kind: Kind) {
    let stack = Stack::start(one(kind)).await;

    let peer = Peer::of(&stack).await.sent("GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await;

    let said = peer.rest().await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.ends_with(r#"{"status":"alive"}"#), "{said}");
}

async fn a_body_in_small_pieces_is_read_to_its_end(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let object = format!(r#"{{"user_id":"alice","id":{sale}}}"#);
    let body = " ".repeat(4_096 - object.len()) + &object;
    // Each byte a chunk of its own, which is six times as much to receive.
    let chunks: Vec<_> = body.chars().map(|byte| format!("1\r\n{byte}\r\n")).collect();
    let chunks = chunks.concat();

    for request in [
        post("content-length: 4096", &body),
        post("transfer-encoding: chunked", &format!("{chunks}0\r\n\r\n")),
        post("connection: close\r\nexpect: 100-continue\r\ncontent-length: 4096", &body),
    ] {
        let said = Peer::of(&stack).await.sent(request).await.rest().await;
        assert!(said.contains("HTTP/1.1 200 ") && said.contains(r#""code":"#), "{said}");
    }
}

async fn what_is_no_request_is_a_problem_too(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let good = "GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n";
    let long = "x".repeat(300_000);

    for (sent, status) in [
        ("POST /checkout?user_id=alice&id=1 HTTP/1.0\r\n\r\n".to_owned(), 400),
        ("Where is it?\r\n\r\n".to_owned(), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        (post("content-length: -1", ""), 400),
        (post("content-length: 3\r\ncontent-length: 4", "{}"), 400),
        (post("transfer-encoding: chunked", "not a length\r\n"), 400),
        (format!("GET / HTTP/1.1\r\nhost: h\r\ncookie: {long}\r\n\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 431),
        (format!("{good}Where is it?\r\n\r\n"), 400),
        (format!("{good}{good}{good}GET / HTTP/1.1\r\nhost: h\r\ncookie: {long}\r\n\r\n"), 431),
    ] {
        let said = Peer::of(&stack).await.sent(&sent).await.rest().await;
        assert_problem(&said, status, "invalid-request");
        let good = sent.matches(good).count();
        assert_eq!(said.matches(r#"{"status":"alive"}"#).count(), good, "{said}");
    }
}

async fn requests_that_come_together_are_answered_in_their_order(kind: Kind) {
    const REQUESTS: usize = 3_000;
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let mut peer = Peer::of(&stack).await;
    let requests = (0..REQUESTS).flat_map(|number| {
        // An answer of the process alone, and at times one that the ledger has to give first.
        let buys =
            format!("POST /checkout?user_id=u{number}&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");
        let asks = format!("GET /{number} HTTP/1.1\r\nhost: h\r\n\r\n");
        [Some(asks), (number % 100 == 0).then_some(buys)].into_iter().flatten()
    });
    let mut requests = requests.collect::<Vec<_>>().concat();
    requests += LAST_WORDS;

    let (mut from, mut to) = peer.0.split();
    let sending = async { to.write_all(requests.as_bytes()).await.unwrap() };
    let mut said = String::new();
    let reading = timeout(PATIENCE, from.read_to_string(&mut said));
    let ((), read) = tokio::join!(sending, reading);

    read.expect("all are answered").unwrap();
    let mut numbers = said.split("There is nothing at /").skip(1);
    for number in 0..REQUESTS {
        let answer = numbers.next().unwrap_or_else(|| panic!("no answer to {number}"));
        assert!(answer.starts_with(&format!("{number}\"")), "{number}: {answer}");
        assert_eq!(answer.contains(r#""code":"#), number % 100 == 0, "{number}: {answer}");
    }
}

/// The memory of a process, in MiB.
fn rss_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
}

async fn a_peer_that_never_reads_is_cut_and_costs_little(kind: Kind) {
    const PEERS: u64 = 200;
    /// Of the process, for each of them.
    const KIB_MAX: u64 = 320;
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let pid = stack.apps[0].pid().unwrap();
    let before = rss_mib(pid);
    let requests = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nhost: h\r\n\r\n").repeat(1_000);

    let mut peers = JoinSet::new();
    for _ in 0..PEERS {
        let (mut peer, requests) = (Peer::narrow(&stack).await, requests.clone());
        // Asks and asks, until the connection is closed.
        peers.spawn(async move { while peer.0.write_all(requests.as_bytes()).await.is_ok() {} });
    }
    let mut most = before;
    let all_are_cut = async {
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        while !peers.is_empty() {
            tokio::select! {
                _ = looks.tick() => most = most.max(rss_mib(pid)),
                _ = peers.join_next() => {}
            }
            assert!((most - before) * 1_024 < PEERS * KIB_MAX, "{before} MiB became {most} MiB");
        }
    };
    timeout(2 * PATIENCE, all_are_cut).await.expect("a peer that never reads is cut");

    println!("{PEERS} peers that never read: {before} MiB became {most} MiB");
    assert_eq!(stack.get("/health/live").await.status, 200);
}

async fn silent_peers_give_way_when_there_are_too_many(kind: Kind) {
    const PEERS: usize = 600;
    let stack = Stack::prepare(one(kind));
    let app = stack.start_app_in_shell(r#"ulimit -n 300; exec "$0" serve"#);
    block_in_place(|| app.await_ready(PATIENCE).unwrap());

    let mut silent = Vec::new();
    for number in 0..PEERS {
        let peer = Peer::at(app.url()).await;
        // Most have an answer coming once their body is there.
        silent.push(match number % 6 {
            0 => peer,
            1 => peer.sent("GET /").await,
            _ => peer.sent(post("content-length: 30", "{")).await,
        });
        if number % 100 == 99 {
            // Whoever has something to ask is heard all the while.
            let asking = Peer::at(app.url()).await.sent(LAST_WORDS).await;
            assert!(asking.rest().await.starts_with("HTTP/1.1 200 "), "{number}");
        }
    }

    assert!(app.log().contains("connections=188"), "{}", app.log());
    assert!(!app.log().contains("Too many open files"), "{}", app.log());
    assert!(block_in_place(|| app.terminate().unwrap()).success());
}

/// Half a request, one that never reads, and one that said nothing.
async fn peers_that_stand_still(stack: &Stack) -> Vec<Peer> {
    let sale = stack.sale().await;
    let items = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nhost: h\r\n\r\n").repeat(1_000);
    let mut never_reads = Peer::narrow(stack).await;
    // Until nothing more is taken.
    while let Ok(sent) =
        timeout(Duration::from_millis(500), never_reads.0.write(items.as_bytes())).await
    {
        assert!(sent.unwrap() > 0);
    }
    vec![
        never_reads,
        Peer::of(stack).await.sent(post("content-length: 30", "{")).await,
        Peer::of(stack).await,
        Peer::of(stack).await.sent("GET /hea").await,
    ]
}

async fn sigterm_waits_for_no_peer_that_stands_still(kind: Kind) {
    let mut stack = Stack::start(one(kind)).await;
    let peers = peers_that_stand_still(&stack).await;

    let start = Instant::now();
    let status = block_in_place(|| stack.apps.remove(0).terminate().unwrap());
    let took = start.elapsed();

    println!("stopped in {} ms", took.as_millis());
    assert!(status.success(), "{status:?}");
    assert!(took < STOPS_WITHIN, "{took:?}");
    drop(peers);
}

async fn a_second_signal_ends_it_at_once(kind: Kind) {
    let mut stack = Stack::start(one(kind)).await;
    let peers = peers_that_stand_still(&stack).await;
    let app = stack.apps.remove(0);
    let pid = app.pid().unwrap();

    block_in_place(|| {
        Signal::Terminate.send(pid).unwrap();
        app.await_words("finishing what was accepted", PATIENCE).unwrap();
    });
    let status = block_in_place(|| app.terminate().unwrap());

    assert_eq!(status.code(), Some(1), "{}", app.log());
    assert!(app.log().contains("a second signal"), "{}", app.log());
    drop(peers);
}

/// The stores do not answer, so that a request waits that cannot be finished.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_for_no_store_that_stands_still() {
    let mut stack = Stack::start(Settings { own_postgres: true, ..one(Kind::Servers) }).await;
    let sale = stack.sale().await;
    stack.postgres().pause().unwrap();
    stack.redis().pause().unwrap();
    let request = format!("POST /checkout?user_id=alice&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");
    let waiting = Peer::of(&stack).await.sent(request).await;

    let start = Instant::now();
    let status = block_in_place(|| stack.apps.remove(0).terminate().unwrap());
    let took = start.elapsed();
    stack.postgres().resume().unwrap();
    stack.redis().resume().unwrap();

    println!("stopped in {} ms", took.as_millis());
    assert!(status.success(), "{status:?}");
    assert!(took < STOPS_WITHIN, "{took:?}");
    drop(waiting);
}

async fn the_limits_in_the_readme_are_true(kind: Kind) {
    let readme = include_str!("../../../../README.md");
    let stack = Stack::start(one(kind)).await;
    for limit in ["4 KiB", "128 KiB", "16\nparameters", "5 s", "1 KiB ahead"] {
        assert!(readme.contains(limit), "README.md does not speak of {limit:?}");
    }

    // Bodies of 4 KiB, and not one byte more.
    let body = |length: usize| {
        post(&format!("connection: close\r\ncontent-length: {length}"), &" ".repeat(length))
    };
    let said = Peer::of(&stack).await.sent(body(4_096)).await.rest().await;
    assert!(said.contains("HTTP/1.1 400 "), "{said}");
    let said = Peer::of(&stack).await.sent(body(4_097)).await.rest().await;
    assert!(said.contains("HTTP/1.1 413 "), "{said}");

    // 128 KiB before a body.
    let get = |length: usize| {
        let line = "GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\nx: ";
        format!("{line}{}\r\n\r\n", "x".repeat(length - line.len() - 4))
    };
    let said = Peer::of(&stack).await.sent(get(128 * 1_024 - 1)).await.rest().await;
    assert!(said.contains("HTTP/1.1 200 "), "{said}");
    let said = Peer::of(&stack).await.sent(get(129 * 1_024 + 1)).await.rest().await;
    assert_problem(&said, 431, "invalid-request");

    // 16 parameters.
    let names = |count: usize| (0..count).map(|n| format!("p{n}=1&")).collect::<Vec<_>>().concat();
    let refused = stack.post(&format!("/checkout?{}", names(16))).await;
    assert!(!refused.text.contains("has more than"), "{}", refused.text);
    let refused = stack.post(&format!("/checkout?{}", names(17))).await;
    assert!(refused.text.contains("has more than 16 parameters"), "{}", refused.text);

    // What is sent ahead of its answer is not taken in: the peer keeps it.
    let (asked, start) = (Peer::of(&stack).await.sent("GET /").await, Instant::now());
    assert_problem(&asked.rest().await, 408, "request-timeout");
    assert!(start.elapsed() > Duration::from_secs(4), "{:?}", start.elapsed());
}
