//! What happens when many ask at once.

use std::collections::{BTreeMap, BTreeSet};

use tokio::task::JoinSet;

use crate::stack::{Answer, Kind, Settings, Stack};

/// Posts all at once, spread over the processes.
async fn post_all(stack: &Stack, paths: Vec<String>) -> Vec<Answer> {
    let mut answers = JoinSet::new();
    for (index, path) in paths.into_iter().enumerate() {
        let url = stack.apps[index % stack.apps.len()].url();
        let request = stack.http.post(format!("{url}{path}"));
        answers.spawn(async move { Answer::read(request).await.unwrap() });
    }
    answers.join_all().await
}

fn names(answers: &[Answer]) -> BTreeMap<&str, usize> {
    let mut names = BTreeMap::new();
    for answer in answers {
        *names.entry(answer.name()).or_default() += 1;
    }
    names
}

async fn one_user_gets_their_limit_and_again_after_expiry(kind: Kind, processes: usize) {
    let settings = Settings { stock: 1_000, hold_ttl: "1s", processes, ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let path = format!("/checkout?user_id=greedy&id={sale}");

    let first = post_all(&stack, vec![path.clone(); 500]).await;

    assert_eq!(names(&first), BTreeMap::from([("ok", 10), ("user-limit-reached", 490)]));
    stack
        .until("the holds have expired", async |stack| {
            stack.get(&format!("/sales/{sale}")).await.body["held"] == 0
        })
        .await;
    let second = post_all(&stack, vec![path; 500]).await;
    assert_eq!(names(&second), BTreeMap::from([("ok", 10), ("user-limit-reached", 490)]));
    let attempts = "SELECT outcome, count(*) FROM checkout_attempts GROUP BY 1 ORDER BY 1";
    assert_eq!(stack.sql(attempts).trim(), "granted|20\nuser_limit|980");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_gets_their_limit_of_500_checkouts_and_again_after_expiry() {
    one_user_gets_their_limit_and_again_after_expiry(Kind::Servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_gets_their_limit_from_a_process_with_its_own_stores() {
    one_user_gets_their_limit_and_again_after_expiry(Kind::Embedded, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_gets_their_limit_from_two_processes_together() {
    one_user_gets_their_limit_and_again_after_expiry(Kind::Servers, 2).await;
}

async fn one_code_is_redeemed_once(kind: Kind, processes: usize) {
    let stack = Stack::start(Settings { processes, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let held = stack.checkout("alice", sale).await;
    let path = format!("/purchase?code={}", held.code());

    let answers = post_all(&stack, vec![path; 200]).await;

    assert_eq!(names(&answers), BTreeMap::from([("code-already-used", 199), ("ok", 1)]));
    let receipts: BTreeSet<_> = answers
        .iter()
        .map(|answer| if answer.status == 200 { &answer.body } else { &answer.body["purchase"] })
        .map(ToString::to_string)
        .collect();
    assert_eq!(receipts.len(), 1, "{receipts:?}");
    assert_eq!(stack.sql("SELECT code FROM purchases").trim(), held.code());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_is_redeemed_once_by_200_purchases() {
    one_code_is_redeemed_once(Kind::Servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_is_redeemed_once_by_a_process_with_its_own_stores() {
    one_code_is_redeemed_once(Kind::Embedded, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_is_redeemed_once_through_two_processes() {
    one_code_is_redeemed_once(Kind::Servers, 2).await;
}

async fn the_last_unit_goes_to_one(kind: Kind, processes: usize) {
    let stack = Stack::start(Settings { stock: 1, processes, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let paths = (0..200).map(|user| format!("/checkout?user_id=u{user}&id={sale}")).collect();

    let answers = post_all(&stack, paths).await;

    assert_eq!(names(&answers), BTreeMap::from([("ok", 1), ("sold-out", 199)]));
    let attempts = "SELECT outcome, count(*) FROM checkout_attempts GROUP BY 1 ORDER BY 1";
    assert_eq!(stack.sql(attempts).trim(), "granted|1\nsold_out|199");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_unit_goes_to_one_of_200_users() {
    the_last_unit_goes_to_one(Kind::Servers, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_unit_goes_to_one_user_of_a_process_with_its_own_stores() {
    the_last_unit_goes_to_one(Kind::Embedded, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_unit_goes_to_one_user_of_two_processes() {
    the_last_unit_goes_to_one(Kind::Servers, 2).await;
}
