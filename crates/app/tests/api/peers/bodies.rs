//! Bodies that are large, late, broken or strange.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::peer::{Peer, assert_problem, one, post};
use crate::stack::{Kind, PATIENCE, Stack, on_both_stacks};

on_both_stacks! {
    a_body_in_small_pieces_is_read_to_its_end
    a_body_that_is_all_framing_is_cut_short
    a_broken_body_is_called_so
    a_body_is_json_in_utf_8_as_it_is
    a_body_that_would_be_refused_is_not_asked_for
    a_client_is_limited_whatever_its_requests_are_refused_for
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

/// What a peer sends after `start` by repeating `piece` until it is cut, in bytes, and what it
/// hears.
async fn repeat(stack: &Stack, start: &str, piece: &str) -> (usize, String) {
    let (mut from, mut to) = Peer::of(stack).await.sent(start).await.0.into_split();
    let pieces = piece.repeat(8_192 / piece.len());
    let sending = async {
        let mut sent = 0;
        while to.write_all(pieces.as_bytes()).await.is_ok() {
            sent += pieces.len();
        }
        sent
    };
    let hearing = async {
        let mut said = Vec::new();
        // What it does not read of a peer that goes on and on may reset the connection.
        let _ = from.read_to_end(&mut said).await;
        String::from_utf8(said).unwrap()
    };
    timeout(PATIENCE, async { tokio::join!(sending, hearing) }).await.expect("it is cut")
}

async fn a_body_that_is_all_framing_is_cut_short(kind: Kind) {
    /// What is received, what is thrown away so that the answer arrives, and the system's buffers.
    const SENT_MAX: usize = 24 << 20;
    let stack = Stack::start(one(kind)).await;
    let chunked = post("transfer-encoding: chunked", "");

    for (start, piece) in [
        (format!("{chunked}1;"), "extension;"),
        (chunked.clone(), "1;an-extension-of-it\r\n \r\n"),
        (format!("{chunked}0\r\n"), "x-trailer: of many\r\n"),
        (format!("{chunked}0\r\nx-trailer: "), "xxxxxxxx"),
    ] {
        let (sent, said) = repeat(&stack, &start, piece).await;
        assert_problem(&said, 413, "invalid-request");
        assert!(sent < SENT_MAX, "{sent} of {piece:?}");
    }

    // The same where nobody wants a body.
    let get = "GET /health/live HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1;";
    let (sent, said) = repeat(&stack, get, "extension;").await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    assert!(sent < SENT_MAX, "{sent}");
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0);
}

async fn a_broken_body_is_called_so(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let close = "connection: close\r\n";

    for broken in ["not a length\r\n", "1\r\n{}}\r\n", "\r\n\r\n", "fffffffffffffffff\r\n"] {
        let request = post("transfer-encoding: chunked", broken);
        let said = Peer::of(&stack).await.sent(request).await.rest().await;
        assert_problem(&said, 400, "invalid-request");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.contains("is not in the chunks that Transfer-Encoding speaks of"), "{said}");
    }
    for (body, words) in [
        ("{", "ends before it does"),
        ("[]", "is another value"),
        ("{\"user_id\" 1}", "is no JSON at line 1, column 12"),
    ] {
        let length = body.len();
        let request = post(&format!("{close}content-length: {length}"), body);
        let said = Peer::of(&stack).await.sent(request).await.rest().await;
        assert_problem(&said, 400, "invalid-request");
        assert!(said.contains(words), "{said}");
    }
}

async fn a_body_is_json_in_utf_8_as_it_is(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let body = format!(r#"{{"user_id":"alice","id":{sale}}}"#);
    let sent = |lines: &str| {
        let (length, lines) = (body.len(), lines.replace('\n', "\r\n"));
        let head = "POST /checkout HTTP/1.1\r\nhost: h\r\nconnection: close\r\n";
        format!("{head}content-length: {length}\r\n{lines}\r\n\r\n{body}")
    };

    for good in [
        "content-type: application/json",
        "content-type: application/json; charset=utf-8\ncontent-encoding: identity",
        "Content-Type: Application/JSON ;Charset=\"UTF-8\"; v=1",
        "content-type: application/json\ncontent-encoding: identity\nContent-Encoding: Identity",
    ] {
        let said = Peer::of(&stack).await.sent(sent(good)).await.rest().await;
        assert!(said.contains("HTTP/1.1 200 "), "{good}: {said}");
    }
    for (bad, allowed) in [
        ("content-type: application/json\ncontent-encoding: gzip", "accept-encoding: identity"),
        (
            "content-type: application/json\ncontent-encoding: identity\ncontent-encoding: gzip",
            "accept-encoding: identity",
        ),
        (
            "content-type: application/json\ncontent-encoding: identity, br",
            "accept-encoding: identity",
        ),
        ("content-type: application/json\ncontent-type: text/plain", "application/json"),
        ("content-type: application/json; charset=iso-8859-1", "charset=utf-8"),
        ("content-type: application/json; charset=\"utf-16\"", "charset=utf-8"),
        ("content-type: application/x-www-form-urlencoded", "application/json"),
        ("accept: */*", "application/json"),
    ] {
        let said = Peer::of(&stack).await.sent(sent(bad)).await.rest().await;
        assert_problem(&said, 415, "invalid-request");
        assert!(said.contains(allowed), "{bad}: {said}");
    }
}

async fn a_body_that_would_be_refused_is_not_asked_for(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";

    let expects = |value: &str, length: usize| {
        post(&format!("expect: {value}\r\ncontent-length: {length}"), "")
    };
    for (request, status) in [
        (expects("100-continue", 4_097), 413),
        (expects("100-Continue", usize::MAX), 413),
        (expects("a-miracle", 10), 417),
        (expects("100-continue, a-miracle", 10), 417),
    ] {
        let said = Peer::of(&stack).await.sent(request).await.rest().await;
        assert_problem(&said, status, "invalid-request");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
    }

    // The other is told to go on, and heard.
    let mut peer = Peer::of(&stack).await.sent(expects("100-continue", 2)).await;
    let mut told = vec![0; go_on.len()];
    peer.0.read_exact(&mut told).await.unwrap();
    assert_eq!(String::from_utf8(told).unwrap(), go_on);
    let said = peer.sent("[]").await.answer().await;
    assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("is another value"), "{said}");
}

/// A refusal that costs its client nothing is asked for again and again.
async fn a_client_is_limited_whatever_its_requests_are_refused_for(kind: Kind) {
    const TRIES_MAX: usize = 100;
    let mut stack = Stack::prepare(one(kind));
    let settings = [("CLIENT_RATE", "1/s:3"), ("TRUSTED_PROXIES", "127.0.0.1")];
    stack.set_env(settings.map(|(name, value)| (name, value.to_owned())));
    stack.start_app().await;
    let asks = |client: usize, lines: &str| {
        post(&format!("{lines}\r\nx-forwarded-for: 192.0.2.{client}"), "")
    };

    for (client, (lines, status)) in [
        ("expect: 100-continue\r\ncontent-length: 4097", 413),
        ("expect: a-miracle\r\ncontent-length: 10", 417),
        ("expect: 100-continue, a-miracle\r\ncontent-length: 10", 417),
        ("expect: 100-continue, a-miracle\r\ntransfer-encoding: chunked", 417),
        ("content-length: 4097", 413),
    ]
    .into_iter()
    .enumerate()
    {
        let mut tries = 0;
        loop {
            let said = Peer::of(&stack).await.sent(asks(client, lines)).await.rest().await;
            assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
            let is_limited = said.starts_with("HTTP/1.1 429 ");
            let left =
                if tries == 0 { "ratelimit: \"client\";r=2;" } else { "ratelimit: \"client\";r=" };
            assert!(said.contains(left), "{tries}: {said}");
            if is_limited {
                assert_problem(&said, 429, "too-many-requests");
                break;
            }
            assert_problem(&said, status, "invalid-request");
            tries += 1;
            assert!(tries < TRIES_MAX, "{lines:?} costs nothing");
        }
    }

    // What is counted before its body is asked for is counted once.
    let request = asks(99, "connection: close\r\nexpect: 100-continue\r\ncontent-length: 2") + "[]";
    let said = Peer::of(&stack).await.sent(request).await.rest().await;
    assert!(said.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 "), "{said}");
    assert!(said.contains("ratelimit: \"client\";r=2;"), "{said}");
}
