//! `Idempotency-Key`: a client that asks again gets what it got first, whatever happened in between.

use serde_json::Value;
use tokio::task::{JoinSet, block_in_place};

use crate::{
    crowd::assert_holds,
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    the_same_key_gets_the_same_code_and_says_so
    thirty_two_equal_requests_at_once_get_one_code
    a_key_leads_to_its_code_after_a_restart
    a_key_leads_to_its_code_after_the_purchase_the_return_and_the_expiry
    a_key_leads_to_its_code_when_all_is_sold_out
    two_users_keys_never_meet
    a_refused_key_may_try_again
    what_is_no_key_is_refused_with_the_parameters
    a_purchase_repeated_with_a_key_is_its_receipt
}

pub(crate) const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// Two processes, where there can be two.
fn settings(kind: Kind) -> Settings {
    let processes = if kind == Kind::Servers { 2 } else { 1 };
    Settings { processes, ..Settings::on(kind) }
}

pub(crate) async fn ask(stack: &Stack, user: &str, sale: i64, key: &str) -> Answer {
    let path = format!("{}/checkout?user_id={user}&id={sale}", stack.url());
    Answer::read(stack.http.post(path).header("Idempotency-Key", key)).await.unwrap()
}

/// Asks until there is an answer: a retry may come while a store is being rebuilt.
async fn ask_until_answered(stack: &Stack, user: &str, sale: i64, key: &str) -> Answer {
    let mut answer = ask(stack, user, sale, key).await;
    stack
        .until("the request is answered", async |stack| {
            if answer.status == 503 {
                answer = ask(stack, user, sale, key).await;
            }
            answer.status != 503
        })
        .await;
    answer
}

pub(crate) fn assert_replayed(again: &Answer, first: &Answer) {
    assert_eq!((again.status, granted_in(again)), (200, granted_in(first)), "{again:?}");
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{again:?}");
    assert_eq!(again.header("cache-control"), Some("no-store"));
}

/// What an answer says of the grant, whenever it is given.
fn granted_in(answer: &Answer) -> Value {
    let mut body = answer.body.clone();
    body.as_object_mut().unwrap().remove("server_time");
    body
}

fn granted(stack: &Stack) -> u64 {
    stack.count("SELECT count(*) FROM checkout_attempts WHERE outcome = 'granted'")
}

async fn the_same_key_gets_the_same_code_and_says_so(kind: Kind) {
    let stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;

    let first = ask(&stack, "alice", sale, KEY).await;
    assert_eq!((first.name(), first.header("idempotency-replayed")), ("ok", None), "{first:?}");
    for _ in 0..3 {
        assert_replayed(&ask(&stack, "alice", sale, KEY).await, &first);
    }
    let other = ask(&stack, "alice", sale, "another-key-of-alices").await;

    assert_ne!(other.code(), first.code());
    assert_eq!(granted(&stack), 2);
    assert_holds(&stack.audit());
}

async fn thirty_two_equal_requests_at_once_get_one_code(kind: Kind) {
    let stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;

    for round in 0..4 {
        let key = format!("{KEY}-{round}");
        let mut requests = JoinSet::new();
        for _ in 0..32 {
            let path = format!("{}/checkout?user_id=alice&id={sale}", stack.url());
            let request = stack.http.post(path).header("Idempotency-Key", &key);
            requests.spawn(async { Answer::read(request).await.unwrap() });
        }
        let answers = requests.join_all().await;
        let settled = ask_until_answered(&stack, "alice", sale, &key).await;

        assert_eq!(settled.name(), "ok", "{settled:?}");
        for answer in answers {
            assert!(matches!(answer.status, 200 | 503), "{answer:?}");
            assert!(
                answer.status == 503 || granted_in(&answer) == granted_in(&settled),
                "{answer:?}"
            );
        }
        assert_eq!(granted(&stack), round + 1);
    }
    assert_holds(&stack.audit());
}

async fn a_key_leads_to_its_code_after_a_restart(kind: Kind) {
    let mut stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;
    let first = ask(&stack, "alice", sale, KEY).await;

    for app in stack.apps.drain(..) {
        assert!(block_in_place(|| app.terminate().unwrap()).success());
    }
    stack.start_app().await;

    assert_replayed(&ask_until_answered(&stack, "alice", sale, KEY).await, &first);
    assert_eq!(granted(&stack), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_leads_to_its_code_after_a_flushall() {
    let stack = Stack::start(settings(Kind::Servers)).await;
    let sale = stack.sale().await;
    let held = ask(&stack, "alice", sale, KEY).await;
    let sold = ask(&stack, "bob", sale, KEY).await;
    stack.purchase(sold.code()).await;

    block_in_place(|| stack.redis().flush_all().unwrap());

    assert_replayed(&ask_until_answered(&stack, "alice", sale, KEY).await, &held);
    assert_replayed(&ask_until_answered(&stack, "bob", sale, KEY).await, &sold);
    assert_eq!(ask_until_answered(&stack, "carol", sale, KEY).await.name(), "ok");
    assert_eq!(granted(&stack), 3);
    assert_holds(&stack.audit());
}

async fn a_key_leads_to_its_code_after_the_purchase_the_return_and_the_expiry(kind: Kind) {
    let stack = Stack::start(Settings { hold_ttl: "1s", ..settings(kind) }).await;
    let sale = stack.sale().await;
    let released = ask(&stack, "alice", sale, "the-one-that-is-given-back").await;
    stack.delete(&format!("/checkout?code={}", released.code())).await;
    let sold = ask(&stack, "alice", sale, "the-one-that-is-sold").await;
    assert_eq!(stack.purchase(sold.code()).await.name(), "ok");
    let expired = ask(&stack, "alice", sale, "the-one-that-runs-out").await;
    stack
        .until("the hold is gone", async |stack| {
            stack.get(&format!("/purchases/{}", expired.code())).await.name() == "code-expired"
        })
        .await;

    for (key, first) in [
        ("the-one-that-is-given-back", &released),
        ("the-one-that-is-sold", &sold),
        ("the-one-that-runs-out", &expired),
    ] {
        assert_replayed(&ask(&stack, "alice", sale, key).await, first);
    }
    assert_eq!(granted(&stack), 3);
    assert_eq!(stack.purchase(released.code()).await.name(), "code-expired");
    assert_holds(&stack.audit());
}

async fn a_key_leads_to_its_code_when_all_is_sold_out(kind: Kind) {
    let stack = Stack::start(Settings { stock: 1, ..settings(kind) }).await;
    let sale = stack.sale().await;
    let first = ask(&stack, "alice", sale, KEY).await;

    assert_eq!(stack.checkout("bob", sale).await.name(), "sold-out");
    assert_eq!(ask(&stack, "bob", sale, KEY).await.name(), "sold-out");
    assert_replayed(&ask(&stack, "alice", sale, KEY).await, &first);
}

async fn two_users_keys_never_meet(kind: Kind) {
    let stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;

    let alice = ask(&stack, "alice", sale, KEY).await;
    let bob = ask(&stack, "bob", sale, KEY).await;

    assert_eq!((alice.name(), bob.name()), ("ok", "ok"));
    assert_ne!(alice.code(), bob.code());
    assert_ne!(alice.unit(), bob.unit());
    assert_eq!(bob.header("idempotency-replayed"), None);
    assert_replayed(&ask(&stack, "alice", sale, KEY).await, &alice);
    assert_replayed(&ask(&stack, "bob", sale, KEY).await, &bob);
}

async fn a_refused_key_may_try_again(kind: Kind) {
    let stack = Stack::start(Settings { stock: 1, ..settings(kind) }).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("bob", sale).await;
    assert_eq!(ask(&stack, "alice", sale, KEY).await.name(), "sold-out");

    stack.delete(&format!("/checkout?code={}", hold.code())).await;

    stack
        .until("the unit is hers", async |stack| {
            ask(stack, "alice", sale, KEY).await.name() == "ok"
        })
        .await;
    assert_eq!(ask(&stack, "alice", 999, KEY).await.name(), "sale-not-found");
}

async fn what_is_no_key_is_refused_with_the_parameters(kind: Kind) {
    let stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;
    let fields = |answer: &Answer| {
        let errors = answer.body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };

    for wrong in ["", "too-short", "fifteen-letters", "with blanks in the middle", &"x".repeat(256)]
    {
        let refused = ask(&stack, "alice", sale, wrong).await;
        assert_eq!((refused.status, refused.name()), (400, "invalid-request"), "{wrong:?}");
        assert_eq!(fields(&refused), ["Idempotency-Key"], "{wrong:?}");
    }
    let path = format!("{}/checkout?user_id=al+ice&id={sale}", stack.url());
    let twice = stack.http.post(path).header("Idempotency-Key", KEY).header("Idempotency-Key", KEY);
    let twice = Answer::read(twice).await.unwrap();
    assert_eq!(
        (twice.status, fields(&twice)),
        (400, vec!["user_id".into(), "Idempotency-Key".into()])
    );

    assert_eq!(granted(&stack), 0);
    for right in ["sixteen-letters!", &"x".repeat(255)] {
        assert_eq!(ask(&stack, "alice", sale, right).await.name(), "ok", "{right:?}");
    }
}

async fn a_purchase_repeated_with_a_key_is_its_receipt(kind: Kind) {
    let stack = Stack::start(settings(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let buy = async |key: &str| {
        let path = format!("{}/purchase?code={}", stack.url(), hold.code());
        Answer::read(stack.http.post(path).header("Idempotency-Key", key)).await.unwrap()
    };

    let first = buy("1").await;
    let again = buy("2").await;
    let without = stack.purchase(hold.code()).await;

    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None), "{first:?}");
    assert_replayed(&again, &first);
    assert_eq!((without.status, without.name()), (409, "code-already-used"));
    assert_eq!(without.body["purchase"], first.body);
    let refused = buy("no key").await;
    assert_eq!((refused.status, refused.name()), (400, "invalid-request"));
}
