//! Wishes to speak another protocol.

use super::peer::{LAST_WORDS, Peer, one};
use crate::stack::{Kind, Stack, on_both_stacks};

on_both_stacks! {
    a_wish_to_upgrade_is_ignored
}

async fn a_wish_to_upgrade_is_ignored(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;

    for wish in [
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk",
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13",
        "Upgrade: websocket",
        "connection: upgrade",
    ] {
        let asks = format!("GET /health/live HTTP/1.1\r\nhost: h\r\n{wish}\r\n\r\n");
        let body = format!(r#"{{"user_id":"upgrade","id":{sale}}}"#);
        let buys = format!(
            "POST /checkout HTTP/1.1\r\nhost: h\r\n{wish}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut peer = Peer::of(&stack).await;
        for request in [&asks, &buys, &asks] {
            peer = peer.sent(request).await;
            let said = peer.answer().await;
            assert!(said.starts_with("HTTP/1.1 200 "), "{wish}: {said}");
            let head = said.split("\r\n\r\n").next().unwrap();
            assert!(!head.contains("connection") && !head.contains("upgrad"), "{wish}: {said}");
            assert_eq!(said.contains(r#""user_id":"upgrade""#), request == &buys, "{said}");
        }
        assert!(peer.sent(LAST_WORDS).await.rest().await.ends_with(r#"{"status":"alive"}"#));
    }
}
