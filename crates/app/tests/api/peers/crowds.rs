//! More peers than there is room for.

use tokio::task::block_in_place;

use super::peer::{LAST_WORDS, Peer, one, post};
use crate::stack::{Kind, PATIENCE, Stack, on_both_stacks};

on_both_stacks! {
    silent_peers_give_way_when_there_are_too_many
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
