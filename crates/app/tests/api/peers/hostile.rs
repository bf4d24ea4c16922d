//! What is no request, or tries to be two.

use super::peer::{Peer, assert_problem, one, post};
use crate::stack::{Kind, Stack, on_both_stacks};

on_both_stacks! {
    what_is_no_request_is_a_problem_too
    no_name_of_a_field_ends_the_process
    no_request_is_smuggled_in_another
    a_host_that_is_none_is_refused
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
        (format!("GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 414),
        (format!("\r\nGET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 414),
        (format!("{good}{good}GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nhost: h\r\n{}\r\n", "x: y\r\n".repeat(97)), 431),
        (format!("{good}Where is it?\r\n\r\n"), 400),
        (format!("{good}{good}{good}GET / HTTP/1.1\r\nhost: h\r\ncookie: {long}\r\n\r\n"), 431),
    ] {
        let said = Peer::of(&stack).await.sent(&sent).await.rest().await;
        assert_problem(&said, status, "invalid-request");
        let good = sent.matches(good).count();
        assert_eq!(said.matches(r#"{"status":"alive"}"#).count(), good, "{said}");
    }
}

/// Names are read where a panic would be that of the process.
async fn no_name_of_a_field_ends_the_process(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let name = "x".repeat(70_000);
    let head = "GET /health/live HTTP/1.1\r\nhost: h\r\n";
    let body = "POST /purchase?x=1 HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n{";

    for (before, status) in [
        (String::new(), 431),
        (format!("{head}\r\n"), 431),
        (body.to_owned(), 431),
        // Where the next head begins is not looked for, and the body is over.
        (format!("{head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n"), 431),
    ] {
        let sent = format!("{before}{head}{name}: 1\r\n\r\n");
        let said = Peer::of(&stack).await.sent(sent).await.rest().await;
        assert_problem(&said, status, "invalid-request");
    }

    assert_eq!(stack.get("/health/live").await.status, 200);
}

async fn no_request_is_smuggled_in_another(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    // What is to be taken for a request by whoever reads the first one otherwise.
    let buys = format!("POST /checkout?user_id=u&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");
    let length = buys.len();
    let line = "POST /purchase HTTP/1.1\r\nhost: h\r\n";

    for sent in [
        format!("{line}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{buys}"),
        format!("{line}transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n0\r\n\r\n{buys}"),
        format!("{line}content-length: 0\r\ncontent-length: {length}\r\n\r\n{buys}"),
        format!("{line}content-length: 0, {length}\r\n\r\n{buys}"),
        format!("{line}content-length: +{length}\r\n\r\n{buys}"),
        format!("{line}content-length: 0x10\r\n\r\n{buys}"),
        format!("{line}content-length : {length}\r\n\r\n{buys}"),
        format!("{line}transfer-encoding: gzip, chunked\r\n\r\n{buys}"),
        format!("{line}transfer-encoding: chunked, chunked\r\n\r\n{buys}"),
        format!("{line}transfer-encoding: identity\r\n\r\n{buys}"),
        format!("{line}transfer-encoding: xchunked\r\n\r\n{buys}"),
        format!("{line}transfer-encoding\u{b}: chunked\r\n\r\n{buys}"),
        format!("{line}x: y\rhost: z\r\n\r\n{buys}"),
        format!("{line} folded: {length}\r\n\r\n{buys}"),
        format!("{line}host: another\r\n\r\n{buys}"),
        format!("POST /purchase HTTP/1.1\r\n\r\n{buys}"),
        format!("POST /purchase\0 HTTP/1.1\r\nhost: h\r\n\r\n{buys}"),
        format!("POST /pur chase HTTP/1.1\r\nhost: h\r\n\r\n{buys}"),
        format!("POST /purchase\r\n\r\n{buys}"),
        format!("POST /purchase HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{buys}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{buys}"),
    ] {
        let said = Peer::of(&stack).await.sent(&sent).await.rest().await;
        assert_problem(&said, 400, "invalid-request");
        assert_eq!(
            said.matches("HTTP/1.1 ").count() + said.matches("HTTP/1.0 ").count(),
            1,
            "{sent}: {said}"
        );
    }
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0);
}

async fn a_host_that_is_none_is_refused(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let asks = |host: &str| {
        format!("GET /health/live HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")
    };

    for bad in ["a b/", "a/b", "u:p@a", "a:b", "[::1", "a, b", "\"a\"", "a%2", "\u{e4}"] {
        let said = Peer::of(&stack).await.sent(asks(bad)).await.rest().await;
        assert_problem(&said, 400, "invalid-request");
        assert!(said.contains(r#""field":"Host","message":"Host must be a host"#), "{bad}: {said}");
    }
    for good in ["", "shop.example", "shop_1:8080", "[::1]:8080", "127.0.0.1"] {
        let said = Peer::of(&stack).await.sent(asks(good)).await.rest().await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{good}: {said}");
    }
}
