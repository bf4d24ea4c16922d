//! What viewers cost, how they are counted, and who they give way to.

use dev_servers::tied::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, block_in_place},
    time::timeout,
};

use super::viewer::Viewer;
use crate::{
    operators::{figure, metrics, watched_with},
    reads::asked,
    stack::{Kind, PATIENCE, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_stop_ends_all_streams_at_once
    viewers_are_counted_while_they_watch
}

async fn a_stop_ends_all_streams_at_once(kind: Kind) {
    let mut stack = Stack::start(Settings { processes: 1, ..Settings::on(kind) }).await;
    let mut viewers = Vec::new();
    for _ in 0..10 {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        assert_eq!(viewer.sale().await.data["state"], "open");
        viewers.push(viewer);
    }
    // Who has begun a request is waited for, a little.
    let address = stack.url().strip_prefix("http://").unwrap();
    let mut asking = TcpStream::connect(address).await.unwrap();
    asking.write_all(b"GET /hea").await.unwrap();
    let app = stack.apps.remove(0);

    Signal::Terminate.send(app.pid().unwrap()).unwrap();
    let ends = async {
        for viewer in &mut viewers {
            assert!(viewer.told().await.is_none(), "it ends cleanly");
        }
    };
    tokio::select! {
        biased;
        () = ends => {}
        _ = asking.read_u8() => panic!("a viewer is waited for longer"),
    }

    block_in_place(|| app.await_words(" stopped", PATIENCE).unwrap());
    assert!(!app.log().contains("could be finished in time"), "{}", app.log());
}

async fn viewers_are_counted_while_they_watch(kind: Kind) {
    let (stack, url) = watched_with(Settings::on(kind)).await;
    let counted = async |stack: &Stack, what: &str| {
        figure(&metrics(stack, &url).await, &format!("flashsale_stream_{what} ")).unwrap()
    };

    let mut viewers = Vec::new();
    for _ in 0..3 {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        viewer.sale().await;
        viewers.push(viewer);
    }

    assert!((counted(&stack, "viewers").await - 3.0).abs() < 0.5);
    assert!(counted(&stack, "events_total").await > 2.5);
    drop(viewers);
    stack
        .until("those who are gone are not counted", async |stack| {
            counted(stack, "viewers").await < 0.5
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_watch_the_stores_are_asked_no_more() {
    const VIEWERS: u64 = 600;
    const EVENTS: u64 = 4;
    let stack = Stack::start(Settings { processes: 1, ..Settings::default() }).await;
    let sale = stack.sale().await;
    let mut viewers = Vec::new();
    for _ in 0..VIEWERS {
        let mut viewer = Viewer::of(&stack, "/stream").await;
        viewer.sale().await;
        viewers.push(viewer);
    }

    let before = asked(&stack).await;
    for held in 1..=EVENTS {
        stack.checkout("ann", sale).await;
        let mut told = JoinSet::new();
        for mut viewer in viewers.drain(..) {
            told.spawn(async move {
                viewer.sale_with("held", held.try_into().unwrap()).await;
                viewer
            });
        }
        viewers = told.join_all().await;
    }
    let after = asked(&stack).await;

    let [commands, transactions] = [0, 1].map(|store| after[store] - before[store]);
    println!("{EVENTS} events to {VIEWERS}: {commands} of Redis, {transactions} of Postgres");
    // The upkeep's are among them.
    assert!(commands < VIEWERS * EVENTS / 2, "{commands} commands");
    assert!(transactions < VIEWERS * EVENTS / 2, "{transactions} transactions");
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_give_way_to_buyers_when_there_are_too_many() {
    const VIEWERS: usize = 400;
    let stack = Stack::prepare(Settings { processes: 1, ..Settings::on(Kind::Embedded) });
    let app = stack.start_app_in_shell(r#"ulimit -n 300; exec "$0" serve"#);
    block_in_place(|| app.await_ready(PATIENCE).unwrap());
    let mut buyer = TcpStream::connect(app.url().strip_prefix("http://").unwrap()).await.unwrap();

    let mut viewers = Vec::new();
    for number in 0..VIEWERS {
        viewers.push(Viewer::at(app.url(), "/stream", "").await);
        if number % 5 == 4 {
            // Of all who are silent the buyer is always the last to lose its place.
            buyer.write_all(b"GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n").await.unwrap();
            let mut answer = [0; 4_096];
            let read = timeout(PATIENCE, buyer.read(&mut answer)).await.unwrap().unwrap();
            assert!(answer[..read].starts_with(b"HTTP/1.1 200 "), "{number}");
        }
    }

    assert!(!app.log().contains("Too many open files"), "{}", app.log());
    assert!(block_in_place(|| app.terminate().unwrap()).success());
}
