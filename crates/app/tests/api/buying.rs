//! What one buyer can do, and how they are answered.

use serde_json::{Value, json};

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_code_is_given_redeemed_and_shown
    parameters_may_come_as_json
    a_hold_is_given_back_and_its_unit_is_free_again
    a_sold_unit_is_not_given_back
    a_hold_that_ran_out_is_gone_and_its_unit_is_free_again
    a_sale_that_is_sold_for_good_promises_no_retry
    a_refusal_at_the_limit_says_what_the_user_has
    codes_and_sales_that_never_were_are_not_found
    a_hold_that_is_not_redeemed_has_no_receipt
    an_operator_pauses_a_sale_and_lets_it_go_on
}

const MADE_UP: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

/// Whether a text is a moment as the API writes it: `2026-11-22T15:05:00.123Z`.
fn is_moment(value: &Value) -> bool {
    let shape = |text: &str| {
        text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>()
    };
    value.as_str().map(shape).as_deref() == Some("0000-00-00T00:00:00.000Z")
}

async fn a_code_is_given_redeemed_and_shown(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;

    let hold = stack.checkout("alice", sale).await;
    let receipt = stack.purchase(hold.code()).await;
    let again = stack.purchase(hold.code()).await;
    let shown = stack.get(&format!("/purchases/{}", hold.code())).await;

    assert_eq!((hold.status, hold.header("content-type")), (200, Some("application/json")));
    assert_eq!((&hold.body["sale_id"], &hold.body["user_id"]), (&json!(sale), &json!("alice")));
    assert!((1..=100).contains(&hold.unit()) && is_moment(&hold.body["expires_at"]), "{hold:?}");
    assert_eq!(receipt.status, 200);
    for field in ["code", "sale_id", "user_id", "unit"] {
        assert_eq!(receipt.body[field], hold.body[field], "{field}");
    }
    assert!(receipt.body["item"]["name"].is_string() && is_moment(&receipt.body["purchased_at"]));
    let image = format!("/items/{sale}/{}.svg", hold.unit());
    assert_eq!(receipt.body["item"]["image"], image);
    assert_eq!((again.status, again.name()), (409, "code-already-used"));
    assert_eq!(again.body["purchase"], receipt.body);
    assert_eq!((shown.status, &shown.body), (200, &receipt.body));
}

async fn parameters_may_come_as_json(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let post = |path: &str, body: Value| {
        let request = stack.http.post(format!("{}{path}", stack.url())).json(&body);
        async move { Answer::read(request).await.unwrap() }
    };

    let hold = post("/checkout", json!({ "user_id": "alice", "id": sale })).await;
    let receipt = post("/purchase", json!({ "code": hold.code().to_uppercase() })).await;

    assert_eq!((hold.name(), receipt.name()), ("ok", "ok"));
    assert_eq!(receipt.body["code"], hold.body["code"]);
}

async fn a_hold_is_given_back_and_its_unit_is_free_again(kind: Kind) {
    let stack = Stack::start(Settings { stock: 1, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let path = format!("/checkout?code={}", hold.code());

    let released = stack.delete(&path).await;
    let released_again = stack.delete(&path).await;
    let redeemed = stack.purchase(hold.code()).await;

    assert_eq!((released.status, released.text.as_str()), (204, ""));
    assert_eq!(released_again.status, 204);
    assert_eq!((redeemed.status, redeemed.name()), (410, "code-expired"));
    stack
        .until("the unit is free", async |stack| stack.checkout("bob", sale).await.name() == "ok")
        .await;
}

async fn a_sold_unit_is_not_given_back(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let receipt = stack.purchase(hold.code()).await;

    let refused = stack.delete(&format!("/checkout?code={}", hold.code())).await;

    assert_eq!((refused.status, refused.name()), (409, "code-already-used"));
    assert_eq!(refused.body["purchase"], receipt.body);
}

async fn a_hold_that_ran_out_is_gone_and_its_unit_is_free_again(kind: Kind) {
    let settings = Settings { stock: 1, hold_ttl: "300ms", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let sold_out = stack.checkout("bob", sale).await;

    assert_eq!((sold_out.status, sold_out.name()), (409, "sold-out"));
    assert!(is_moment(&sold_out.body["retry_at"]), "{sold_out:?}");
    assert_eq!(sold_out.header("retry-after"), Some("1"));
    stack
        .until("the unit is free", async |stack| stack.checkout("bob", sale).await.name() == "ok")
        .await;
    let late = stack.purchase(hold.code()).await;
    assert_eq!((late.status, late.name()), (410, "code-expired"));
    let shown = stack.get(&format!("/purchases/{}", hold.code())).await;
    assert_eq!((shown.status, shown.name()), (410, "code-expired"));
}

async fn a_sale_that_is_sold_for_good_promises_no_retry(kind: Kind) {
    let stack = Stack::start(Settings { stock: 1, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    stack.purchase(hold.code()).await;

    stack
        .until("nothing can come back", async |stack| {
            let answer = stack.checkout("bob", sale).await;
            assert_eq!(answer.name(), "sold-out");
            answer.body.get("retry_at").is_none() && answer.header("retry-after").is_none()
        })
        .await;
}

async fn a_refusal_at_the_limit_says_what_the_user_has(kind: Kind) {
    let stack = Stack::start(Settings { per_user_limit: 3, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let first = stack.checkout("alice", sale).await;
    stack.purchase(first.code()).await;
    stack.checkout("alice", sale).await;
    stack.checkout("alice", sale).await;

    stack
        .until("the purchase is counted", async |stack| {
            let refused = stack.checkout("alice", sale).await;
            assert_eq!((refused.status, refused.name()), (409, "user-limit-reached"));
            assert_eq!(refused.body["limit"], 3);
            (refused.body["held"].as_u64(), refused.body["bought"].as_u64()) == (Some(2), Some(1))
        })
        .await;
    assert_eq!(stack.checkout("bob", sale).await.name(), "ok");
}

async fn codes_and_sales_that_never_were_are_not_found(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    let purchase = stack.purchase(MADE_UP).await;
    let foreign = stack.purchase("9b2f6e0c-41d7-4c3e-9a5b-2f6e0c41d788").await;
    let release = stack.delete(&format!("/checkout?code={MADE_UP}")).await;
    let receipt = stack.get(&format!("/purchases/{MADE_UP}")).await;
    for answer in [purchase, foreign, release, receipt] {
        assert_eq!((answer.status, answer.name()), (404, "code-not-found"), "{answer:?}");
    }
    let checkout = stack.checkout("alice", 999).await;
    let sale = stack.get("/sales/999").await;
    let item = stack.get("/items/999/1.svg").await;
    for answer in [checkout, sale, item] {
        assert_eq!((answer.status, answer.name()), (404, "sale-not-found"), "{answer:?}");
    }
    let attempts = "SELECT sale_id, user_id, outcome FROM checkout_attempts";
    assert_eq!(stack.sql(attempts).trim(), "999|alice|unknown_sale");
}

async fn a_hold_that_is_not_redeemed_has_no_receipt(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;

    let receipt = stack.get(&format!("/purchases/{}", hold.code())).await;

    assert_eq!((receipt.status, receipt.name()), (404, "code-not-found"));
}

async fn an_operator_pauses_a_sale_and_lets_it_go_on(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("alice", sale).await;
    let operate = |what: &str| stack.operate(&["sales", what, &sale.to_string()]);

    operate("pause");

    stack
        .until("the sale is paused", async |stack| {
            let answer = stack.checkout("bob", sale).await;
            assert!(matches!(answer.name(), "ok" | "user-limit-reached" | "sale-paused"));
            answer.name() == "sale-paused"
        })
        .await;
    assert_eq!(stack.purchase(hold.code()).await.name(), "ok", "a code is a promise");
    operate("resume");
    stack
        .until("the sale goes on", async |stack| stack.checkout("eve", sale).await.name() == "ok")
        .await;
}
