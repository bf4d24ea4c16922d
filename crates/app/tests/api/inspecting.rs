//! What an operator looks up from a terminal: a user, a code, a unit.

use serde_json::{Value, json};

use crate::stack::{Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    a_user_is_shown_with_what_they_have_and_no_code_that_can_be_redeemed
    a_user_is_shown_with_what_they_asked_for_page_by_page
    a_code_is_shown_masked_until_it_is_redeemed
    a_unit_is_shown_with_all_who_had_it
    whoever_asks_for_what_cannot_be_is_told_so
    all_is_found_while_no_process_serves
}

const NEVER_GIVEN: &str = "00000000-0143-8ccf-a7f3-0b47c7ba6177";

impl Stack {
    pub(crate) fn look_up(&self, arguments: &[&str]) -> Value {
        let printed = self.operate(&[&arguments[..2], &["--json"], &arguments[2..]].concat());
        serde_json::from_str(&printed).unwrap()
    }
}

/// How a code is shown that can be redeemed.
pub(crate) fn masked(code: &str) -> String {
    format!("{}****-************", &code[..19])
}

async fn a_user_is_shown_with_what_they_have_and_no_code_that_can_be_redeemed(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let bought = stack.checkout("-ann:@x", sale).await;
    stack.purchase(bought.code()).await;
    let held = stack.checkout("-ann:@x", sale).await;
    let given_back = stack.checkout("-ann:@x", sale).await;
    stack.delete(&format!("/checkout?code={}", given_back.code())).await;
    stack.checkout("-ann:@", sale).await;

    let shown = stack.look_up(&["users", "show", "--", "-ann:@x"]);
    let table = stack.operate(&["users", "show", "--sale", &sale.to_string(), "--", "-ann:@x"]);

    let unit = |shown: &Value| shown["unit"].as_u64().unwrap();
    assert_eq!((&shown["user_id"], &shown["next"]), (&json!("-ann:@x"), &Value::Null));
    let [first, second] = shown["units"].as_array().unwrap().as_slice() else { panic!("{shown}") };
    assert_eq!((unit(first), &first["state"]), (bought.unit(), &json!("sold")));
    assert_eq!(first["code"], bought.body["code"]);
    assert_eq!(first["item_name"], bought.body["item"]["name"]);
    assert_eq!((unit(second), &second["state"]), (held.unit(), &json!("held")));
    assert_eq!(second["code"], masked(held.code()));
    assert_eq!(second["expires_at"], held.body["expires_at"]);
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.contains(bought.code()) && table.contains(&masked(held.code())), "{table}");
    for printed in [shown.to_string(), table] {
        assert!(!printed.contains(held.code()), "{printed}");
    }
    assert_eq!(stack.look_up(&["users", "show", "nobody"])["units"], json!([]));
}

async fn a_user_is_shown_with_what_they_asked_for_page_by_page(kind: Kind) {
    let stack = Stack::start(Settings { stock: 2, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    let held = stack.checkout("ann", sale).await;
    stack.checkout("ann", sale).await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "sold-out");
    stack.checkout("bob", sale).await;
    let arguments = ["users", "show", "ann", "--attempts"];

    let all = stack.look_up(&arguments);
    let first = stack.look_up(&[&arguments[..], &["--limit", "2"]].concat());
    let next = first["next"].as_str().unwrap();
    let second = stack.look_up(&[&arguments[..], &["--limit", "2", "--after", next]].concat());
    let table = stack.operate(&[&arguments[..], &["--limit", "1"]].concat());

    let rows = |shown: &Value| shown["attempts"].as_array().unwrap().clone();
    let outcomes: Vec<_> = rows(&all).iter().map(|row| row["outcome"].clone()).collect();
    assert_eq!(outcomes, ["sold_out", "granted", "granted"]);
    assert_eq!([rows(&first), rows(&second)].concat(), rows(&all));
    assert_eq!(
        (rows(&first).len(), &second["next"], &all["next"]),
        (2, &Value::Null, &Value::Null)
    );
    assert_eq!(rows(&all)[2]["code"], masked(held.code()));
    assert!(table.contains("sold_out") && table.contains("there are more: --after "), "{table}");
}

async fn a_code_is_shown_masked_until_it_is_redeemed(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("ann", sale).await;
    let arguments = ["codes", "show", hold.code()];

    let live = stack.look_up(&arguments);
    let live_as_text = stack.operate(&arguments);
    let receipt = stack.purchase(hold.code()).await;
    let sold = stack.look_up(&arguments);
    let sold_as_text = stack.operate(&arguments);

    let (attempt, masked) = (&live["attempt"], masked(hold.code()));
    assert_eq!((&attempt["code"], &attempt["state"]), (&json!(masked), &json!("held")));
    assert_eq!((&attempt["user_id"], &live["purchase"]), (&json!("ann"), &Value::Null));
    assert_eq!(
        (&attempt["unit"], &attempt["expires_at"]),
        (&hold.body["unit"], &hold.body["expires_at"])
    );
    assert!(live_as_text.contains(&masked) && !live_as_text.contains(hold.code()));
    assert_eq!(
        (&sold["attempt"]["code"], &sold["attempt"]["state"]),
        (&json!(hold.code()), &json!("sold"))
    );
    assert_eq!(sold["purchase"]["purchased_at"], receipt.body["purchased_at"]);
    assert_eq!(sold["purchase"]["item_name"], receipt.body["item"]["name"]);
    for part in [hold.code(), "ann", receipt.body["item"]["name"].as_str().unwrap()] {
        assert!(sold_as_text.contains(part), "{part} is not in {sold_as_text}");
    }
}

async fn a_unit_is_shown_with_all_who_had_it(kind: Kind) {
    let stack = Stack::start(Settings { stock: 1, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    for user in ["ann", "bob"] {
        let hold = take_the_last(&stack, user, sale).await;
        stack.delete(&format!("/checkout?code={hold}")).await;
    }
    let code = take_the_last(&stack, "cid", sale).await;
    stack.purchase(&code).await;
    let sale = sale.to_string();

    let all = stack.look_up(&["units", "show", &sale, "1"]);
    let first = stack.look_up(&["units", "show", &sale, "1", "--limit", "1"]);
    let next = first["next"].as_str().unwrap();
    let rest = stack.look_up(&["units", "show", &sale, "1", "--after", next]);

    let rows = |shown: &Value| shown["holders"].as_array().unwrap().clone();
    let told = |row: &Value| (row["user_id"].clone(), row["state"].clone());
    assert_eq!(
        rows(&all).iter().map(told).collect::<Vec<_>>(),
        [
            (json!("ann"), json!("released")),
            (json!("bob"), json!("released")),
            (json!("cid"), json!("sold")),
        ]
    );
    assert_eq!([rows(&first), rows(&rest)].concat(), rows(&all));
    assert_eq!(rows(&all)[2]["code"], code);
}

/// The code of the one unit, once it is back.
async fn take_the_last(stack: &Stack, user: &str, sale: i64) -> String {
    let mut code = None;
    stack
        .until("the unit can be had", async |stack| {
            let answer = stack.checkout(user, sale).await;
            code = answer.body["code"].as_str().map(str::to_owned);
            code.is_some()
        })
        .await;
    code.unwrap()
}

async fn whoever_asks_for_what_cannot_be_is_told_so(kind: Kind) {
    let stack = Stack::prepare(Settings::on(kind));
    let sale = stack.sql("SELECT id FROM sales").trim().to_owned();
    let long = "u".repeat(65);

    for (arguments, said) in [
        (vec!["users", "show", "al ice"], "position 3"),
        (vec!["users", "show", "=HYPERLINK(1)"], "position 1"),
        (vec!["users", "show", "../../etc/passwd"], "position 3"),
        (vec!["users", "show", "x' OR '1'='1"], "position 2"),
        (vec!["users", "show", "ann\n"], "position 4"),
        (vec!["users", "show", ""], "must not be empty"),
        (vec!["users", "show", &long], "64 characters"),
        (vec!["users", "show", "ann", "--sale", "77"], "there is no sale 77"),
        (vec!["users", "show", "ann", "--limit", "0"], "--limit"),
        (vec!["users", "show", "ann", "--limit", "1001"], "--limit"),
        (vec!["users", "show", "ann", "--after", "x"], "no cursor"),
        (vec!["users", "show", "ann", "--after", "m1.1"], "of another list"),
        (vec!["codes", "show", "1234"], "36 characters"),
        (vec!["codes", "show", NEVER_GIVEN], "given to nobody"),
        (vec!["units", "show", "77", "1"], "there is no sale 77"),
        (vec!["units", "show", &sale, "0"], "whole number from 1"),
        (vec!["units", "show", &sale, "101"], "has 100 units"),
    ] {
        let refused = stack.refused(&arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
}

/// What was sold in the evening is asked for when nothing runs any more.
async fn all_is_found_while_no_process_serves(kind: Kind) {
    let mut stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let hold = stack.checkout("ann", sale).await;
    let bought = stack.checkout("ann", sale).await;
    stack.purchase(bought.code()).await;

    stack.apps.clear();

    let units = stack.look_up(&["users", "show", "ann"])["units"].as_array().unwrap().len();
    let life = stack.look_up(&["codes", "show", hold.code()]);
    let unit = hold.unit().to_string();
    let holders = stack.look_up(&["units", "show", &sale.to_string(), &unit]);
    assert_eq!((units, &life["attempt"]["state"]), (2, &json!("held")));
    assert_eq!(holders["holders"], json!([life["attempt"]]));
}
