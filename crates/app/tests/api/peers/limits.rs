//! What README.md says of limits.

use std::time::Duration;

use tokio::time::Instant;

use super::peer::{Peer, assert_problem, one, post};
use crate::stack::{Kind, Stack, on_both_stacks};

on_both_stacks! {
    the_limits_in_the_readme_are_true
    the_limits_of_a_head_are_those_in_the_readme
}

async fn the_limits_of_a_head_are_those_in_the_readme(kind: Kind) {
    let stack = Stack::start(one(kind)).await;

    // 128 KiB before a body.
    let get = |length: usize| {
        let mut head = "GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\n".to_owned();
        let line = format!("x: {}\r\n", "x".repeat(8_192));
        while length - head.len() > 2 * line.len() {
            head += &line;
        }
        format!("{head}x: {}\r\n\r\n", "x".repeat(length - head.len() - 7))
    };
    let said = Peer::of(&stack).await.sent(get(128 * 1_024 - 1)).await.rest().await;
    assert!(said.contains("HTTP/1.1 200 "), "{said}");
    let said = Peer::of(&stack).await.sent(get(129 * 1_024 + 1)).await.rest().await;
    assert_problem(&said, 431, "invalid-request");

    // 32 KiB of them in a line.
    let get = |length: usize| {
        let line = "x".repeat(length - "cookie: \r\n".len());
        format!(
            "GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncookie: {line}\r\n\r\n"
        )
    };
    let said = Peer::of(&stack).await.sent(get(32_768)).await.rest().await;
    assert!(said.contains("HTTP/1.1 200 "), "{said}");
    let said = Peer::of(&stack).await.sent(get(34_000)).await.rest().await;
    assert_problem(&said, 431, "invalid-request");
    assert!(said.contains("32 KiB each"), "{said}");
    let get = |length: usize| {
        let line = "GET / HTTP/1.1\r\n";
        let path = "x".repeat(length - line.len());
        format!("GET /{path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
    };
    let said = Peer::of(&stack).await.sent(get(32_768)).await.rest().await;
    assert!(said.contains("HTTP/1.1 404 "), "{said:.200}");
    let said = Peer::of(&stack).await.sent(get(34_000)).await.rest().await;
    assert_problem(&said, 414, "invalid-request");
    assert!(said.contains("32 KiB"), "{said}");

    // 96 header fields.
    let get = |fields: usize| {
        let more = (2..fields).map(|n| format!("x-{n}: {n}\r\n")).collect::<Vec<_>>().concat();
        format!("GET /health/live HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{more}\r\n")
    };
    let said = Peer::of(&stack).await.sent(get(96)).await.rest().await;
    assert!(said.contains("HTTP/1.1 200 "), "{said}");
    let said = Peer::of(&stack).await.sent(get(97)).await.rest().await;
    assert_problem(&said, 431, "invalid-request");
    assert!(said.contains("96 header fields"), "{said}");
}

async fn the_limits_in_the_readme_are_true(kind: Kind) {
    let readme = include_str!("../../../../../README.md");
    let stack = Stack::start(one(kind)).await;
    for limit in [
        "4 KiB",
        "128 KiB",
        "32 KiB",
        "64 KiB",
        "96 header fields",
        "16\nparameters",
        "5 s",
        "1 KiB ahead",
    ] {
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
