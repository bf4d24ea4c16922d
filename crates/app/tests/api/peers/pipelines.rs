//! Requests that are sent before earlier ones are answered.

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::peer::{LAST_WORDS, Peer, one};
use crate::stack::{Kind, PATIENCE, Stack, on_both_stacks};

on_both_stacks! {
    requests_that_come_together_are_answered_in_their_order
    what_follows_the_last_answer_is_not_answered
    the_answer_that_says_it_is_the_last_is
    a_body_that_does_not_come_ends_the_connection_with_its_answer
}

async fn requests_that_come_together_are_answered_in_their_order(kind: Kind) {
    const REQUESTS: usize = 3_000;
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let mut peer = Peer::of(&stack).await;
    let requests = (0..REQUESTS).flat_map(|number| {
        // An answer of the process alone, and at times one that the ledger has to give first.
        let buys =
            format!("POST /checkout?user_id=u{number}&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");
        let asks = format!("GET /{number} HTTP/1.1\r\nhost: h\r\n\r\n");
        [Some(asks), (number % 100 == 0).then_some(buys)].into_iter().flatten()
    });
    let mut requests = requests.collect::<Vec<_>>().concat();
    requests += LAST_WORDS;

    let (mut from, mut to) = peer.0.split();
    let sending = async { to.write_all(requests.as_bytes()).await.unwrap() };
    let mut said = String::new();
    let reading = timeout(PATIENCE, from.read_to_string(&mut said));
    let ((), read) = tokio::join!(sending, reading);

    read.expect("all are answered").unwrap();
    let mut numbers = said.split("There is nothing at /").skip(1);
    for number in 0..REQUESTS {
        let answer = numbers.next().unwrap_or_else(|| panic!("no answer to {number}"));
        assert!(answer.starts_with(&format!("{number}\"")), "{number}: {answer}");
        assert_eq!(answer.contains(r#""code":"#), number % 100 == 0, "{number}: {answer}");
    }
}

async fn what_follows_the_last_answer_is_not_answered(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let buys = format!("POST /checkout?user_id=u&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");

    for says_no_more in [false, true] {
        let mut peer = Peer::of(&stack).await.sent(format!("{LAST_WORDS}{buys}{buys}")).await;
        if says_no_more {
            peer.0.shutdown().await.unwrap();
        }
        let said = peer.rest().await;

        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{said}");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("connection: close"), "{said}");
    }
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0);
}

/// A request with a body of 50 bytes, which is all there or yet to come.
fn with_body(line: &str, body: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\n\r\n{body}")
}

async fn the_answer_that_says_it_is_the_last_is(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let live = "GET /health/live HTTP/1.1\r\nhost: h\r\n\r\n".to_owned();
    let body = "x".repeat(50);
    let refused = ["POST /nope", "PUT /checkout", "GET /docs", "POST /checkout/", "POST /checkout"];
    // Whether anybody reads their bodies or not, and where a body is larger than what comes at once.
    let mut all: Vec<_> = refused
        .map(|line| with_body(line, &body))
        .iter()
        .map(|first| format!("{first}{live}{first}{LAST_WORDS}{live}"))
        .collect();
    let (head, long) = ("PUT /sales HTTP/1.1\r\nhost: h\r\n", "x".repeat(9_000));
    let large = format!("{head}content-length: 9000\r\n\r\n{long}");
    all.push(format!("{large}{live}{live}{LAST_WORDS}{live}"));
    all.push(format!("{live}{live}{live}{LAST_WORDS}{live}"));

    for sent in all {
        let said = Peer::of(&stack).await.sent(&sent).await.rest().await;

        let answers: Vec<_> = said.split("HTTP/1.1 ").skip(1).collect();
        let says_close = |answer: &&str| answer.contains("connection: close\r\n");
        let last: Vec<_> = answers.iter().map(says_close).collect();
        assert_eq!(last, [false, false, false, true], "{sent:.40}: {said}");
    }
}

async fn a_body_that_does_not_come_ends_the_connection_with_its_answer(kind: Kind) {
    let stack = Stack::start(one(kind)).await;
    let sale = stack.sale().await;
    let buys = format!("POST /checkout?user_id=u&id={sale} HTTP/1.1\r\nhost: h\r\n\r\n");

    for line in ["POST /nope", "PUT /checkout", "POST /checkout/"] {
        let mut peer = Peer::of(&stack).await.sent(with_body(line, "x")).await;
        let answer = peer.answer().await;
        assert!(answer.contains("connection: close\r\n"), "{line}: {answer}");
        // The rest of it, and another request: that is for another connection.
        let rest = peer.sent(format!("{}{buys}", "x".repeat(49))).await.rest().await;
        assert_eq!(rest, "", "{line}");
    }
    assert_eq!(stack.count("SELECT count(*) FROM checkout_attempts"), 0);
}
