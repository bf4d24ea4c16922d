//! Peers that do not read, or hardly.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::OwnedReadHalf,
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use super::peer::{LAST_WORDS, Peer, one, rss_mib};
use crate::stack::{Kind, PATIENCE, Stack, on_both_stacks};

on_both_stacks! {
    a_peer_that_never_reads_is_cut_and_costs_little
    a_peer_that_reads_too_slowly_is_cut
    a_peer_that_reads_slowly_has_all_it_asked_for
}

async fn a_peer_that_never_reads_is_cut_and_costs_little(kind: Kind) {
    const PEERS: u64 = 200;
    /// Of the process, for each of them.
    const KIB_MAX: u64 = 320;
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let pid = stack.apps[0].pid().unwrap();
    let before = rss_mib(pid);
    let requests = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nhost: h\r\n\r\n").repeat(1_000);

    let mut peers = JoinSet::new();
    for _ in 0..PEERS {
        let (mut peer, requests) = (Peer::narrow(&stack).await, requests.clone());
        // Asks and asks, until the connection is closed.
        peers.spawn(async move { while peer.0.write_all(requests.as_bytes()).await.is_ok() {} });
    }
    let mut most = before;
    let all_are_cut = async {
        let mut looks = interval(Duration::from_millis(50));
        while !peers.is_empty() {
            tokio::select! {
                _ = looks.tick() => most = most.max(rss_mib(pid)),
                _ = peers.join_next() => {}
            }
            assert!((most - before) * 1_024 < PEERS * KIB_MAX, "{before} MiB became {most} MiB");
        }
    };
    timeout(2 * PATIENCE, all_are_cut).await.expect("a peer that never reads is cut");

    println!("{PEERS} peers that never read: {before} MiB became {most} MiB");
    assert_eq!(stack.get("/health/live").await.status, 200);
}

/// Reads so many bytes twenty times a second, for as long as there are any; returns how many.
async fn read_slowly(mut from: OwnedReadHalf, bytes: usize) -> usize {
    let (mut reads, mut bytes) = (interval(Duration::from_millis(50)), vec![0; bytes]);
    let mut read = 0;
    loop {
        reads.tick().await;
        match from.read(&mut bytes).await {
            Ok(more) if more > 0 => read += more,
            _ => return read,
        }
    }
}

async fn a_peer_that_reads_too_slowly_is_cut(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let requests = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nhost: h\r\n\r\n").repeat(1_000);
    let (from, mut to) = Peer::narrow(&stack).await.0.into_split();

    // Asks and asks, until the connection is closed; what it takes each second is progress.
    let asking = async move { while to.write_all(requests.as_bytes()).await.is_ok() {} };
    let cut = async {
        tokio::select! { () = asking => {}, _ = read_slowly(from, 256) => {} }
    };

    timeout(PATIENCE, cut).await.expect("a peer that hardly reads is cut");
    assert_eq!(stack.get("/health/live").await.status, 200);
}

async fn a_peer_that_reads_slowly_has_all_it_asked_for(kind: Kind) {
    const BYTES: usize = 300_000;
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let picture = stack.get(&format!("/items/{sale}/1.svg")).await.text;
    let pictures = BYTES / picture.len();
    let request = format!("GET /items/{sale}/1.svg HTTP/1.1\r\nhost: h\r\n\r\n");
    let (from, mut to) = Peer::narrow(&stack).await.0.into_split();

    let asking = async {
        to.write_all(request.repeat(pictures).as_bytes()).await.unwrap();
        to.write_all(LAST_WORDS.as_bytes()).await.unwrap();
    };
    let start = Instant::now();
    let ((), read) = timeout(PATIENCE, async { tokio::join!(asking, read_slowly(from, 2_048)) })
        .await
        .expect("it reads it all");

    assert!(read > pictures * picture.len(), "{read} of {pictures} times {}", picture.len());
    println!("{read} bytes in {} ms", start.elapsed().as_millis());
}
