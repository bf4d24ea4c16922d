//! What peers see of a stop, and what they cannot hold up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use dev_servers::tied::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::{JoinSet, block_in_place},
    time::{Instant, timeout},
};

use super::peer::{Peer, is_whole, one, post};
use crate::stack::{Kind, PATIENCE, Settings, Stack, on_both_stacks};

on_both_stacks! {
    sigterm_waits_for_no_peer_that_stands_still
    a_second_signal_ends_it_at_once
    sigterm_leaves_no_request_without_an_answer
}

/// A stop that waits for a peer takes ten seconds, and one that does not takes three. This is
/// between the two, for a machine that has much else to do.
const STOPS_WITHIN: Duration = Duration::from_secs(8);

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

/// How a client saw its connection end.
#[derive(Debug, PartialEq, Eq, Hash)]
enum End {
    /// With an answer that said so, and nothing after it.
    Announced,
    /// With an answer that said so, and then not cleanly.
    Broken,
    /// With a request sent whole, on a connection that was open as far as it knew.
    Unanswered,
}

/// Asks again as soon as it is answered, until the connection ends.
async fn ask_on(mut peer: Peer, requests: impl Fn(usize) -> String, answers: &AtomicUsize) -> End {
    let mut said = Vec::new();
    for number in 0.. {
        if peer.0.write_all(requests(number).as_bytes()).await.is_err() {
            return End::Unanswered;
        }
        said.clear();
        while !is_whole(&said) {
            match peer.0.read_buf(&mut said).await {
                Ok(read) if read > 0 => {}
                _ => return End::Unanswered,
            }
        }
        answers.fetch_add(1, Ordering::Relaxed);
        if String::from_utf8_lossy(&said).contains("connection: close") {
            let rest = peer.0.read_buf(&mut said).await;
            return if rest.is_ok_and(|read| read == 0) { End::Announced } else { End::Broken };
        }
    }
    unreachable!("it asks for ever")
}

async fn sigterm_leaves_no_request_without_an_answer(kind: Kind) {
    const PEERS: usize = 100;
    let mut stack = Stack::start(Settings { stock: 50_000, ..one(kind) }).await;
    let sale = stack.sale().await;
    let answers = Arc::new(AtomicUsize::new(0));
    let mut peers = JoinSet::new();
    for name in 0..PEERS {
        let (peer, answers) = (Peer::of(&stack).await, Arc::clone(&answers));
        // Now and then something that the process answers by itself.
        let request = move |number: usize| match number % 4 {
            0 => format!("GET /items/{sale}/{}.svg HTTP/1.1\r\nhost: h\r\n\r\n", name + 1),
            _ => format!(
                "POST /checkout?user_id=u{name}-{number}&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n"
            ),
        };
        peers.spawn(async move { ask_on(peer, request, &answers).await });
    }
    stack.until("all are under way", async |_| answers.load(Ordering::Relaxed) > 50 * PEERS).await;

    let status = block_in_place(|| stack.apps.remove(0).terminate().unwrap());

    let ends = timeout(PATIENCE, peers.join_all()).await.expect("all connections end");
    let count = |end| ends.iter().filter(|it| **it == end).count();
    println!("{} announced, of {PEERS}", count(End::Announced));
    assert_eq!((count(End::Unanswered), count(End::Broken)), (0, 0), "of {PEERS}");
    assert!(status.success(), "{status:?}");
}
