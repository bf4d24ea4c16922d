//! `/stream`: what viewers see of a sale, and what they cost.

use std::fmt::Write as _;

use dev_servers::tied::Signal;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, block_in_place},
    time::timeout,
};

use crate::{
    operators::{figure, metrics, watched_with},
    reads::asked,
    stack::{Answer, Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_viewer_is_told_how_the_sale_stands_and_what_becomes_of_it
    a_viewer_who_comes_back_is_told_only_what_is_new
    a_busy_sale_is_told_once_a_second_and_each_time_as_a_whole
    a_stream_goes_on_to_the_next_sale_after_the_end_of_the_one_before
    a_stream_of_one_sale_ends_with_it
    a_stream_comes_after_the_answers_to_what_was_asked_before
    a_stop_ends_all_streams_at_once
    viewers_are_counted_while_they_watch
    what_is_no_stream_is_a_problem_and_head_shows_the_headers_alone
}

/// Somebody who watches.
struct Viewer {
    from: TcpStream,
    /// What was received and not looked at.
    text: String,
    head: String,
}

#[derive(Debug)]
struct Told {
    name: String,
    id: String,
    data: Value,
}

impl Viewer {
    async fn of(stack: &Stack, path: &str) -> Self {
        Self::at(stack.url(), path, "").await
    }

    /// One who sends these header lines, too.
    async fn at(url: &str, path: &str, lines: &str) -> Self {
        let request = format!("GET {path} HTTP/1.1\r\nhost: here\r\n{lines}\r\n");
        Self::after(url, &request).await
    }

    async fn after(url: &str, requests: &str) -> Self {
        let mut from = TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
        from.write_all(requests.as_bytes()).await.unwrap();
        let mut viewer = Self { from, text: String::new(), head: String::new() };
        viewer.head = viewer.until("\r\n\r\n").await.expect("there is a head");
        viewer
    }

    /// What comes before this; `None` if the stream ends first.
    async fn until(&mut self, end: &str) -> Option<String> {
        let read = async {
            loop {
                if let Some((said, rest)) = self.text.split_once(end) {
                    let (said, rest) = (said.to_owned(), rest.to_owned());
                    self.text = rest;
                    return Some(said);
                }
                let mut bytes = [0; 4_096];
                match self.from.read(&mut bytes).await.unwrap() {
                    0 => return None,
                    more => self.text.push_str(str::from_utf8(&bytes[..more]).unwrap()),
                }
            }
        };
        timeout(PATIENCE, read).await.expect("something is told")
    }

    /// The next event; `None` at the end.
    async fn told(&mut self) -> Option<Told> {
        loop {
            let block = self.until("\n\n").await?;
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
            };
            if let Some(name) = field("event: ") {
                let id = field("id: ").unwrap_or_default();
                let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
                return Some(Told { name, id, data });
            }
        }
    }

    /// The next event of a sale.
    async fn sale(&mut self) -> Told {
        let told = self.told().await.expect("the stream goes on");
        assert_eq!(told.name, "sale");
        told
    }

    async fn sale_with(&mut self, field: &str, value: i64) -> Told {
        loop {
            let told = self.sale().await;
            if told.data[field] == value {
                return told;
            }
        }
    }
}

async fn a_viewer_is_told_how_the_sale_stands_and_what_becomes_of_it(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let mut viewers = Vec::new();
    for app in &stack.apps {
        for path in ["/stream", &format!("/stream?sale={sale}")] {
            viewers.push(Viewer::at(app.url(), path, "").await);
        }
    }

    for viewer in &mut viewers {
        for line in [
            "HTTP/1.1 200 OK",
            "content-type: text/event-stream",
            "cache-control: no-store",
            "x-accel-buffering: no",
            "connection: close",
            "date: ",
        ] {
            assert!(viewer.head.contains(line), "{line} in {}", viewer.head);
        }
        let mut told = viewer.sale().await;
        let mut shown = stack.get(&format!("/sales/{sale}")).await;
        assert!(shown.header("etag").unwrap().contains(&told.id), "{told:?}");
        for answer in [&mut told.data, &mut shown.body] {
            assert!(answer.as_object_mut().unwrap().remove("server_time").is_some());
        }
        assert_eq!(told.data, shown.body);
    }
    let held = stack.checkout("ann", sale).await;
    for viewer in &mut viewers {
        viewer.sale_with("held", 1).await;
    }
    stack.purchase(held.code()).await;
    for viewer in &mut viewers {
        viewer.sale_with("sold", 1).await;
    }
}

async fn a_viewer_who_comes_back_is_told_only_what_is_new(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let seen = Viewer::of(&stack, "/stream").await.sale().await.id;
    let knows = format!("last-event-id: {seen}\r\n");

    let (mut back, mut waits) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let mut viewer = Viewer::at(stack.url(), "/stream", &knows).await;
        let retry = viewer.until("\n\n").await.unwrap();
        waits.push(retry.strip_prefix("retry: ").unwrap().parse::<u64>().unwrap());
        back.push(viewer);
    }
    stack.checkout("ann", sale).await;

    for viewer in &mut back {
        assert_eq!(viewer.sale().await.data["held"], 1);
    }
    assert!(waits.iter().all(|wait| (1_000..5_000).contains(wait)), "{waits:?}");
    waits.dedup();
    assert!(waits.len() > 1, "all come back at once: {waits:?}");
    let other = Viewer::at(stack.url(), "/stream", "last-event-id: other\r\n").await.sale().await;
    assert_eq!(other.data["id"], sale);
}

async fn a_busy_sale_is_told_once_a_second_and_each_time_as_a_whole(kind: Kind) {
    const EVENTS: usize = 5;
    let stack = Stack::start(Settings { stock: 100_000, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let mut viewer = Viewer::of(&stack, "/stream").await;
    let buying = async {
        for buyer in 0.. {
            let held = stack.checkout(&format!("u{buyer}"), sale).await;
            if buyer % 2 == 0 {
                stack.purchase(held.code()).await;
            }
        }
    };
    let watching = async {
        let mut events = Vec::new();
        while events.len() < EVENTS {
            events.push(viewer.sale().await.data);
        }
        events
    };

    let events = tokio::select! { events = watching => events, () = buying => unreachable!() };

    for event in &events {
        let units = |field: &str| event[field].as_u64().unwrap();
        assert_eq!(units("sold") + units("held") + units("available"), 100_000, "{event}");
    }
    // What is told is a fifth of a second old at most.
    let times: Vec<Timestamp> = events
        .iter()
        .map(|event| event["server_time"].as_str().unwrap().parse().unwrap())
        .collect();
    let least = SignedDuration::from_millis(800);
    // The first comes when the viewer does.
    for pair in times[1..].windows(2) {
        assert!(pair[1].duration_since(pair[0]) >= least, "{times:?}");
    }
}

async fn a_stream_goes_on_to_the_next_sale_after_the_end_of_the_one_before(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "2s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let mut viewer = Viewer::of(&stack, "/stream").await;

    let (mut before, mut changes) = (viewer.sale().await.data, 0);
    while changes < 2 {
        let told = viewer.sale().await.data;
        if told["id"] != before["id"] {
            changes += 1;
            assert_eq!(before["state"], "ended", "{told} came after {before}");
            assert!(told["id"].as_i64() > before["id"].as_i64(), "{told} came after {before}");
        }
        before = told;
    }
}

async fn a_stream_of_one_sale_ends_with_it(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "2s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let path = format!("/stream?sale={}", stack.sale().await);
    let mut viewer = Viewer::of(&stack, &path).await;

    let mut last = viewer.sale().await;
    loop {
        let told = viewer.told().await.expect("an end is told");
        if told.name == "end" {
            break;
        }
        last = told;
    }
    assert_eq!(last.data["state"], "ended", "{last:?}");
    assert!(viewer.told().await.is_none(), "the connection is closed");

    let late = stack.get(&path).await;
    assert_eq!((late.status, late.header("content-type")), (200, Some("text/event-stream")));
    assert!(late.text.contains(&format!("id: {}\n", last.id)), "{late:?}");
    assert!(late.text.ends_with("event: end\ndata: {}\n\n"), "{late:?}");
    let back = stack.http.get(format!("{}{path}", stack.url())).header("last-event-id", &last.id);
    assert_eq!(Answer::read(back).await.unwrap().status, 204, "it need not come back");
}

async fn a_stream_comes_after_the_answers_to_what_was_asked_before(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let mut requests = String::new();
    for unit in 1..=20 {
        write!(requests, "GET /items/{sale}/{unit}.svg HTTP/1.1\r\nhost: h\r\n\r\n").unwrap();
    }
    requests +=
        "GET /stream HTTP/1.1\r\nhost: h\r\n\r\nGET /health/live HTTP/1.1\r\nhost: h\r\n\r\n";

    let mut viewer = Viewer::after(stack.url(), &requests).await;

    for _ in 1..20 {
        assert!(viewer.head.contains("image/svg+xml"), "{}", viewer.head);
        viewer.head = viewer.until("\r\n\r\n").await.unwrap();
    }
    let body = viewer.until("HTTP/1.1 200 OK\r\n").await.unwrap();
    assert!(body.ends_with("</svg>\n") || body.ends_with("</svg>"), "{body}");
    viewer.head = viewer.until("\r\n\r\n").await.unwrap();
    assert!(viewer.head.contains("text/event-stream"), "{}", viewer.head);
    assert_eq!(viewer.sale().await.data["id"], sale);
    stack.checkout("ann", sale).await;
    viewer.sale_with("held", 1).await;
}

async fn a_stop_ends_all_streams_at_once(kind: Kind) {
    let mut stack = Stack::start(Settings { processes: 1, ..Settings::on(kind) }).await;
    let mut viewers = Vec::new();
    for _ in 0..10 {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        assert_eq!(viewer.sale().await.data["state"], "open");
        viewers.push(viewer);
    }
    // Who has begun a request is waited for, a little.
    let address = stack.url().strip_prefix("http://").unwrap();
    let mut asking = TcpStream::connect(address).await.unwrap();
    asking.write_all(b"GET /hea").await.unwrap();
    let app = stack.apps.remove(0);

    Signal::Terminate.send(app.pid().unwrap()).unwrap();
    let ends = async {
        for viewer in &mut viewers {
            assert!(viewer.told().await.is_none(), "it ends cleanly");
        }
    };
    tokio::select! {
        biased;
        () = ends => {}
        _ = asking.read_u8() => panic!("a viewer is waited for longer"),
    }

    block_in_place(|| app.await_words(" stopped", PATIENCE).unwrap());
    assert!(!app.log().contains("could be finished in time"), "{}", app.log());
}

async fn viewers_are_counted_while_they_watch(kind: Kind) {
    let (stack, url) = watched_with(Settings::on(kind)).await;
    let counted = async |stack: &Stack, what: &str| {
        figure(&metrics(stack, &url).await, &format!("flashsale_stream_{what} ")).unwrap()
    };

    let mut viewers = Vec::new();
    for _ in 0..3 {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        viewer.sale().await;
        viewers.push(viewer);
    }

    assert!((counted(&stack, "viewers").await - 3.0).abs() < 0.5);
    assert!(counted(&stack, "events_total").await > 2.5);
    drop(viewers);
    stack
        .until("those who are gone are not counted", async |stack| {
            counted(stack, "viewers").await < 0.5
        })
        .await;
}

async fn what_is_no_stream_is_a_problem_and_head_shows_the_headers_alone(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for (query, status, name) in [
        ("sale=x", 400, "invalid-request"),
        ("sale=0", 400, "invalid-request"),
        ("sale=1&sale=1", 400, "invalid-request"),
        ("id=1", 400, "invalid-request"),
        ("sale=999", 404, "sale-not-found"),
    ] {
        let answer = stack.get(&format!("/stream?{query}")).await;
        assert_eq!((answer.status, answer.name()), (status, name), "{query}: {answer:?}");
    }
    let posted = stack.post("/stream").await;
    assert_eq!(
        (posted.status, posted.header("allow")),
        (405, Some("GET, HEAD, OPTIONS")),
        "{posted:?}"
    );
    let requests =
        "HEAD /stream HTTP/1.1\r\nhost: h\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: h\r\n\r\n";
    let mut head = Viewer::after(stack.url(), requests).await;
    for line in ["HTTP/1.1 200 OK", "content-type: text/event-stream", "cache-control: no-store"] {
        assert!(head.head.contains(line), "{line} in {}", head.head);
    }
    assert!(!head.head.contains("content-length"), "a stream has none: {}", head.head);
    let next = head.until("\r\n\r\n").await.unwrap();
    assert!(next.starts_with("HTTP/1.1 404 "), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_watch_the_stores_are_asked_no_more() {
    const VIEWERS: u64 = 600;
    const EVENTS: u64 = 4;
    let stack = Stack::start(Settings { processes: 1, ..Settings::default() }).await;
    let sale = stack.sale().await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        viewer.sale().await;
        viewers.push(viewer);
    }

    let before = asked(&stack).await;
    for held in 1..=EVENTS {
        stack.checkout("ann", sale).await;
        let mut told = JoinSet::new();
        for mut viewer in viewers.drain(..) {
            told.spawn(async move {
                viewer.sale_with("held", held.try_into().unwrap()).await;
                viewer
            });
        }
        viewers = told.join_all().await;
    }
    let after = asked(&stack).await;

    let [commands, transactions] = [0, 1].map(|store| after[store] - before[store]);
    println!("{EVENTS} events to {VIEWERS}: {commands} of Redis, {transactions} of Postgres");
    // The upkeep's are among them.
    assert!(commands < VIEWERS * EVENTS / 2, "{commands} commands");
    assert!(transactions < VIEWERS * EVENTS / 2, "{transactions} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_give_way_to_buyers_when_there_are_too_many() {
    const VIEWERS: usize = 400;
    let stack = Stack::prepare(Settings { processes: 1, ..Settings::on(Kind::Embedded) });
    let app = stack.start_app_in_shell(r#"ulimit -n 300; exec "$0" serve"#);
    block_in_place(|| app.await_ready(PATIENCE).unwrap());
    let mut buyer = TcpStream::connect(app.url().strip_prefix("http://").unwrap()).await.unwrap();

    let mut viewers = Vec::new();
    for number in 0..VIEWERS {
        viewers.push(Viewer::at(app.url(), "/stream", "").await);
        if number % 5 == 4 {
            // Of all who are silent the buyer is always the last to lose its place.
            buyer.write_all(b"GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
            let mut answer = [0; 4_096];
            let read = timeout(PATIENCE, buyer.read(&mut answer)).await.unwrap().unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200 "), "{number}");
        }
    }

    assert!(!app.log().contains("Too many open files"), "{}", app.log());
    assert!(block_in_place(|| app.terminate().unwrap()).success());
}
