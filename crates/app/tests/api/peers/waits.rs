//! Requests that do not arrive.

use std::time::Duration;

use tokio::{io::AsyncReadExt, task::JoinSet, time::timeout};

use super::peer::{Peer, assert_problem, one, post};
use crate::stack::{Kind, Stack, on_both_stacks};

on_both_stacks! {
    a_request_that_stops_half_way_is_answered_408_and_closed
    a_connection_that_asks_no_more_is_closed
    a_connection_ends_with_the_answer_that_says_so
}

/// A connection that waits for the rest of a body is closed five seconds after its answer, and one that
/// does not at once. This is between the two, for a machine that has much else to do.
const CLOSES_WITHIN: Duration = Duration::from_secs(3);

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

/// Whatever the peer was still to send. Nobody says where the last of its chunks is.
async fn a_connection_ends_with_the_answer_that_says_so(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let chunked = "transfer-encoding: chunked";
    let large = format!("1000\r\n{}\r\n1\r\nx\r\n", "x".repeat(4_096));

    let mut answers = JoinSet::new();
    for (request, status, name) in [
        (post(chunked, "1\r\n{\r\n"), 408, "request-timeout"),
        (post("content-length: 30", "{"), 408, "request-timeout"),
        (post(chunked, &large), 413, "invalid-request"),
        (post(&format!("expect: a-miracle\r\n{chunked}"), ""), 417, "invalid-request"),
        (post(&format!("expect: 100-continue, x\r\n{chunked}"), ""), 417, "invalid-request"),
    ] {
        let mut peer = Peer::of(&stack).await.sent(request).await;
        answers.spawn(async move {
            assert_problem(&peer.answer().await, status, name);
            let rest = timeout(CLOSES_WITHIN, peer.rest()).await;
            assert_eq!(rest.as_deref(), Ok(""), "not closed after {status}");
        });
    }
    answers.join_all().await;
}
