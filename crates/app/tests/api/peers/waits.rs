//! Requests that do not arrive.

use tokio::{io::AsyncReadExt, task::JoinSet};

use super::peer::{Peer, assert_problem, one, post};
use crate::stack::{Kind, Stack, on_both_stacks};

on_both_stacks! {
    a_request_that_stops_half_way_is_answered_408_and_closed
    a_connection_that_asks_no_more_is_closed
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
