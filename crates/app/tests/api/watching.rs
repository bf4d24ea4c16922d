//! `/stream`: what viewers see of a sale.

mod many;
pub(crate) mod viewer;

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};

use self::viewer::Viewer;
use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_viewer_is_told_how_the_sale_stands_and_what_becomes_of_it
    a_viewer_who_comes_back_is_told_only_what_is_new
    a_busy_sale_is_told_once_a_second_and_each_time_as_a_whole
    a_stream_goes_on_to_the_next_sale_after_the_end_of_the_one_before
    a_stream_of_one_sale_ends_with_it
    a_stream_comes_after_the_answers_to_what_was_asked_before
    what_is_no_stream_is_a_problem_and_head_shows_the_headers_alone
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
