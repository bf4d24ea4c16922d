//! What buyers and shops look up: what a code is, what a user has, which sales there are.

use serde_json::json;

use crate::stack::{Answer, Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_code_is_shown_as_what_it_is
    a_user_is_told_how_much_they_have_and_may_have
    sales_are_listed_by_their_state
}

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

async fn a_code_is_shown_as_what_it_is(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("ann", sale).await;
    let path = format!("/checkouts/{}", hold.code());

    let at_first = stack.get(&path).await;
    let receipt = stack.purchase(hold.code()).await;
    let sold = stack.get(&path).await;
    let other = stack.checkout("ann", sale).await;
    let given_back = stack.delete(&format!("/checkout?code={}", other.code())).await;
    assert_eq!(given_back.status, 204);
    let released = stack.get(&format!("/checkouts/{}", other.code())).await;

    for field in ["code", "sale_id", "user_id", "unit", "item", "expires_at"] {
        assert_eq!(at_first.body[field], hold.body[field], "{field}");
        assert_eq!(sold.body[field], hold.body[field], "{field}");
    }
    assert_eq!(receipt.body["item"], hold.body["item"]);
    assert_eq!((&at_first.body["state"], at_first.body.get("resolved_at")), (&json!("held"), None));
    assert_eq!(
        (&sold.body["state"], &released.body["state"]),
        (&json!("sold"), &json!("released"))
    );
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    for ended in [&sold, &released] {
        assert!(text(&ended.body["resolved_at"]) <= text(&ended.body["server_time"]));
    }
    let moment = |value: &serde_json::Value| text(value).parse::<jiff::Timestamp>().unwrap();
    let left = moment(&hold.body["expires_at"]) - moment(&hold.body["server_time"]);
    let left_ms = left.total(jiff::Unit::Millisecond).unwrap();
    // Five minutes, but for what lies between the record and the answer, and two reckonings.
    assert!((290_000.0..300_500.0).contains(&left_ms), "{left_ms}");
    let unknown = stack.get(&format!("/checkouts/{NEVER_GIVEN}")).await;
    assert_eq!((unknown.status, unknown.name()), (404, "code-not-found"));
}

async fn a_user_is_told_how_much_they_have_and_may_have(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let first = stack.checkout("ann", sale).await;
    stack.purchase(first.code()).await;
    stack.checkout("ann", sale).await;
    stack.checkout("ann", sale).await;

    let ann = stack.get(&format!("/me?sale={sale}&user_id=ann")).await;
    let bob = stack.get(&format!("/me?user_id=bob&sale={sale}")).await;

    let counts = |answer: &Answer| {
        ["held", "bought", "limit", "may_have"].map(|name| answer.body[name].as_i64().unwrap())
    };
    assert_eq!(counts(&ann), [2, 1, 10, 7]);
    assert_eq!(counts(&bob), [0, 0, 10, 10]);
    assert_eq!((&ann.body["sale_id"], &ann.body["user_id"]), (&json!(sale), &json!("ann")));
    assert!(ann.body["server_time"].is_string());
    // Whoever says that they are ann gets to none of her codes.
    assert!(ann.body.get("holds").is_none() && ann.body.get("purchases").is_none(), "{ann:?}");
    assert!(!ann.text.contains(first.code()));
    let wrong = stack.get("/me?user_id=a+n&sale=0&x=1").await;
    let fields: Vec<_> = wrong.body["errors"].as_array().unwrap().iter().collect();
    assert_eq!((wrong.status, fields.len()), (400, 3), "{wrong:?}");
}

async fn sales_are_listed_by_their_state(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    stack
        .until("five sales are over", async |stack| {
            stack.get("/sales?state=ended").await.body["sales"].as_array().unwrap().len() >= 5
        })
        .await;

    let first = stack.get("/sales?state=ended&limit=2").await;
    let next = first.body["next"].as_str().unwrap();
    let second = stack.get(next).await;
    let numbers = |answer: &Answer| -> Vec<i64> {
        let sales = answer.body["sales"].as_array().unwrap();
        assert!(sales.iter().all(|sale| sale["state"] == "ended"), "{answer:?}");
        sales.iter().map(|sale| sale["id"].as_i64().unwrap()).collect()
    };

    let both = [numbers(&first), numbers(&second)].concat();
    assert_eq!(both.len(), 4);
    assert!(both.is_sorted_by(|newer, older| newer > older), "{both:?}");
    assert!(next.starts_with("/sales?state=ended&before="), "{next}");
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    let to_come = stack.get("/sales?state=scheduled").await;
    let to_come = to_come.body["sales"].as_array().unwrap().clone();
    assert!(!to_come.is_empty() && to_come.iter().all(|sale| sale["state"] == "scheduled"));
    let wrong = stack.get("/sales?state=closed").await;
    assert_eq!(
        wrong.body["errors"][0],
        json!({ "field": "state", "message": "must be scheduled, open, paused or ended" })
    );
}
