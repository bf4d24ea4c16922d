//! Purchases that an operator cancels: what buyers see of it, and what becomes of the unit.

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    admin::Shop,
    crowd::assert_holds,
    keys,
    ordering::answer,
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_purchase_that_is_cancelled_keeps_its_receipt_and_its_code_is_good_for_nothing
    the_unit_is_on_sale_again_and_the_buyer_may_buy_as_before
    many_are_cancelled_and_each_unit_is_sold_once_more
    several_are_cancelled_by_one_command_with_one_load
    of_several_each_is_told_and_none_is_kept_from_it_by_another
    a_purchase_of_a_sale_that_is_closed_is_cancelled_and_not_sold_again
    a_purchase_is_cancelled_while_nobody_serves
    what_cannot_be_cancelled_is_refused_in_a_sentence
    a_purchase_is_cancelled_over_http_and_everybody_is_told_the_same
    whoever_may_only_look_or_gives_no_reason_cancels_nothing
    what_was_cancelled_is_shown_to_operators_and_counted_for_its_buyer
}

const REASON: &str = "the parcel came back";

impl Stack {
    /// Cancels the purchase of a code; returns what was said.
    fn cancel(&self, code: &str) -> String {
        self.operate(&["purchases", "cancel", code, "--reason", REASON, "--as", "ann"])
    }

    async fn bought(&self, user: &str, sale: i64) -> Answer {
        let held = self.checkout(user, sale).await;
        let receipt = self.purchase(held.code()).await;
        assert_eq!(receipt.name(), "ok", "{receipt:?}");
        receipt
    }

    /// Redeems a code as a client does that may have redeemed it.
    async fn purchase_with_key(&self, code: &str) -> Answer {
        let path = format!("{}/purchase?code={code}", self.url());
        Answer::read(self.http.post(path).header("Idempotency-Key", "1")).await.unwrap()
    }

    async fn counts(&self, user: &str, sale: i64) -> [i64; 4] {
        let me = self.get(&format!("/me?sale={sale}&user_id={user}")).await;
        ["held", "bought", "limit", "may_have"].map(|name| me.body[name].as_i64().unwrap())
    }
}

async fn one_sale(kind: Kind, units: u32, per_user_limit: u16) -> (Stack, i64) {
    let stack = Stack::start(Settings { stock: units, per_user_limit, ..Settings::on(kind) }).await;
    let sale = stack.sale().await;
    (stack, sale)
}

/// The receipt of a purchase, and that it is cancelled.
fn assert_is_cancelled(shown: &Value, receipt: &Value) {
    let mut shown = shown.clone();
    let fields = shown.as_object_mut().unwrap();
    let (at, reason) = (fields.remove("cancelled_at").unwrap(), fields.remove("reason").unwrap());
    assert_eq!((&shown, &reason), (receipt, &REASON.into()), "the rest is as it was");
    assert!(at.as_str() >= receipt["purchased_at"].as_str(), "{at} {receipt}");
}

async fn a_purchase_that_is_cancelled_keeps_its_receipt_and_its_code_is_good_for_nothing(
    kind: Kind,
) {
    let (stack, sale) = one_sale(kind, 3, 3).await;
    let held = keys::ask(&stack, "ann", sale, keys::KEY).await;
    let receipt = stack.purchase(held.code()).await;
    assert_eq!(receipt.body.get("cancelled_at"), None);

    let said = stack.cancel(held.code());

    assert!(!said.contains(held.code()), "{said}");
    assert!(said.contains("purchase-cancelled") && said.contains(REASON), "{said}");
    let shown = stack.get(&format!("/purchases/{}", held.code())).await;
    assert_eq!(shown.status, 200);
    assert_is_cancelled(&shown.body, &receipt.body);
    for refused in [
        stack.purchase(held.code()).await,
        stack.purchase_with_key(held.code()).await,
        stack.delete(&format!("/checkout?code={}", held.code())).await,
    ] {
        assert_eq!((refused.status, refused.name()), (410, "purchase-cancelled"), "{refused:?}");
        assert_eq!(refused.body["purchase"], shown.body);
    }
    let checkout = stack.get(&format!("/checkouts/{}", held.code())).await;
    assert_eq!(checkout.body["state"], "cancelled");
    assert_eq!(checkout.body["resolved_at"], shown.body["cancelled_at"]);
    // Whoever asks for the hold again is told which it was: its key is no way to a second unit.
    keys::assert_replayed(&keys::ask(&stack, "ann", sale, keys::KEY).await, &held);
    assert_holds(&stack.audit());
}

async fn the_unit_is_on_sale_again_and_the_buyer_may_buy_as_before(kind: Kind) {
    let (stack, sale) = one_sale(kind, 1, 1).await;
    let mut codes = Vec::new();
    for _ in 0..3 {
        let receipt = stack.bought("ann", sale).await;
        assert_eq!(stack.counts("ann", sale).await, [0, 1, 1, 0]);
        assert_eq!(stack.checkout("bob", sale).await.name(), "sold-out");

        stack.cancel(receipt.code());

        assert_eq!(stack.counts("ann", sale).await, [0, 0, 1, 1]);
        codes.push(receipt.code().to_owned());
    }
    let next = stack.bought("bob", sale).await;

    assert_eq!((next.unit(), stack.checkout("ann", sale).await.name()), (1, "sold-out"));
    for code in &codes {
        assert_eq!(stack.purchase(code).await.name(), "purchase-cancelled");
    }
    assert_eq!(stack.get(&format!("/purchases/{}", next.code())).await.body, next.body);
    let standing = "SELECT count(*) FROM purchases WHERE cancelled_at IS NULL";
    assert_eq!((stack.count("SELECT count(*) FROM purchases"), stack.count(standing)), (4, 1));
    let unit = stack.look_up(&["units", "show", &sale.to_string(), "1"]);
    let states: Vec<_> =
        unit["holders"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert_eq!(states, ["cancelled", "cancelled", "cancelled", "sold"], "{unit}");
    assert_holds(&stack.audit());
}

async fn many_are_cancelled_and_each_unit_is_sold_once_more(kind: Kind) {
    let (stack, sale) = one_sale(kind, 12, 12).await;
    let mut receipts = Vec::new();
    for _ in 0..12 {
        receipts.push(stack.bought("ann", sale).await);
    }
    assert_eq!(stack.checkout("bob", sale).await.name(), "sold-out");

    for receipt in &receipts[..4] {
        stack.cancel(receipt.code());
    }

    let mut again = Vec::new();
    for _ in 0..4 {
        again.push(stack.bought("bob", sale).await.unit());
    }
    again.sort_unstable();
    let mut free: Vec<_> = receipts[..4].iter().map(Answer::unit).collect();
    free.sort_unstable();
    assert_eq!(again, free);
    assert_eq!(stack.checkout("cid", sale).await.name(), "sold-out");
    stack
        .until("all is sold", async |stack| {
            let shown = stack.get(&format!("/sales/{sale}")).await;
            (&shown.body["sold"], &shown.body["held"]) == (&12.into(), &0.into())
        })
        .await;
    assert_holds(&stack.audit());
}

/// A command of an operator that cancels these; returns whether it succeeded, and what it said.
fn cancel_several(stack: &Stack, codes: &[&str], more: &[&str]) -> (bool, String, String) {
    let mut command = stack.command();
    command.args(["purchases", "cancel", "--reason", REASON, "--as", "ann"]).args(more).args(codes);
    let output = tokio::task::block_in_place(|| command.output().unwrap());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.success(), text(output.stdout), text(output.stderr))
}

async fn several_are_cancelled_by_one_command_with_one_load(kind: Kind) {
    let (stack, sale) = one_sale(kind, 8, 8).await;
    let mut receipts = Vec::new();
    for _ in 0..8 {
        receipts.push(stack.bought("ann", sale).await);
    }
    let codes: Vec<_> = receipts[..6].iter().map(Answer::code).collect();
    let before = stack.count("SELECT epoch FROM sales");
    let id = ["--id", "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788"];

    let (is_done, said, _) = cancel_several(&stack, &codes, &id);

    assert!(is_done && said.lines().count() == 7, "{said}");
    for code in &codes {
        assert!(said.contains(&code[..13]) && !said.contains(code), "{said}");
        assert_eq!(stack.purchase(code).await.name(), "purchase-cancelled");
    }
    // Each raises the epoch, and so does a load; one by one there would be six of those.
    let raised = stack.count("SELECT epoch FROM sales") - before;
    assert!((7..=9).contains(&raised), "{raised}");
    assert_eq!(stack.counts("ann", sale).await, [0, 2, 8, 6]);
    for _ in 0..6 {
        assert_eq!(stack.checkout("bob", sale).await.name(), "ok");
    }
    assert_eq!(stack.checkout("cid", sale).await.name(), "sold-out");

    // The same command again, of more codes or in another order, does nothing more.
    let rows = "SELECT count(*) FROM operator_actions";
    let trail = stack.count(rows);
    let mut again = codes.clone();
    again.reverse();
    again.push(codes[0]);
    let (is_done, said, _) = cancel_several(&stack, &again, &[&id[..], &["--json"]].concat());
    let documents: Vec<Value> =
        said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(is_done && documents.len() == 6, "{said}");
    for document in &documents {
        assert_eq!(
            (&document["replayed"], &document["in_effect"]),
            (&true.into(), &true.into()),
            "{document}"
        );
    }
    assert_eq!(stack.count(rows), trail);
    let refused = stack.refused(&[
        "purchases",
        "cancel",
        codes[0],
        codes[1],
        "--reason",
        "another",
        "--id",
        id[1],
        "--as",
        "ann",
    ]);
    assert!(
        refused.contains("2 of 2 are not done") && refused.contains("differs in why"),
        "{refused}"
    );
    assert_holds(&stack.audit());
}

async fn of_several_each_is_told_and_none_is_kept_from_it_by_another(kind: Kind) {
    let (stack, sale) = one_sale(kind, 5, 5).await;
    let (held, gone) = (stack.checkout("ann", sale).await, stack.bought("ann", sale).await);
    let receipts = [stack.bought("bob", sale).await, stack.bought("cid", sale).await];
    stack.cancel(gone.code());
    let unknown = "00000000-07d1-8c3e-9a5b-2f6e0c41d788";
    let codes = [receipts[0].code(), held.code(), gone.code(), unknown, receipts[1].code()];

    let (is_done, said, why) = cancel_several(&stack, &codes, &[]);

    assert!(!is_done);
    assert_eq!(said.lines().count(), 6, "each has a row: {said}");
    assert!(why.contains("3 of 5 are not done"), "{why}");
    for (code, refused) in [
        (held.code(), "the code was not redeemed: it is held"),
        (gone.code(), "the purchase is cancelled already"),
        (unknown, "there is no such code"),
    ] {
        let line = said.lines().find(|line| line.contains(&format!("refused: {refused}")));
        assert!(line.is_some(), "{refused}: {said}");
        assert!(why.contains(&format!("{}… {refused}", &code[..13])), "{refused}: {why}");
    }
    for receipt in &receipts {
        assert_eq!(stack.purchase(receipt.code()).await.name(), "purchase-cancelled");
    }
    assert_eq!(stack.purchase(held.code()).await.name(), "ok", "a code is a promise");
    let (is_done, _, why) = cancel_several(&stack, &[held.code(), "7"], &[]);
    assert!(!is_done && why.contains("must be a UUID"), "{why}");
    assert_eq!(stack.purchase(held.code()).await.name(), "code-already-used", "nothing was done");
    assert_holds(&stack.audit());
}

async fn a_purchase_of_a_sale_that_is_closed_is_cancelled_and_not_sold_again(kind: Kind) {
    let (stack, sale) = one_sale(kind, 5, 5).await;
    let id = sale.to_string();
    let receipts = [stack.bought("ann", sale).await, stack.bought("bob", sale).await];
    stack.operate(&["sales", "end", &id]);
    let state = "SELECT state FROM sales";
    stack.until("it is closed", async |stack| stack.sql(state).trim() == "closed").await;
    assert_eq!(stack.count("SELECT sold FROM sales"), 2);

    let said = stack.cancel(receipts[0].code());

    assert!(said.contains("which is not sold again"), "{said}");
    assert_eq!(stack.count("SELECT sold FROM sales"), 1);
    assert_eq!(stack.purchase(receipts[0].code()).await.name(), "purchase-cancelled");
    assert_eq!(stack.purchase(receipts[1].code()).await.name(), "code-already-used");
    let shown = stack.get(&format!("/purchases/{}", receipts[0].code())).await;
    assert_is_cancelled(&shown.body, &receipts[0].body);
    assert_eq!(stack.checkout("cid", sale).await.name(), "sale-ended");
    assert_eq!(stack.counts("ann", sale).await[1], 0);
    assert_holds(&stack.audit());
}

async fn a_purchase_is_cancelled_while_nobody_serves(kind: Kind) {
    let (mut stack, sale) = one_sale(kind, 2, 2).await;
    let receipts = [stack.bought("ann", sale).await, stack.bought("ann", sale).await];
    for app in stack.apps.drain(..) {
        assert!(tokio::task::block_in_place(|| app.terminate().unwrap()).success());
    }

    let codes = [receipts[0].code(), receipts[1].code()];
    let (is_done, said, why) = cancel_several(&stack, &codes, &[]);
    assert!(is_done, "{said}{why}");
    stack.start_app().await;

    let mut units = Vec::new();
    for _ in 0..2 {
        let next = stack.once("a unit is had again", async |stack| {
            let asked = stack.checkout("bob", sale).await;
            (asked.name() == "ok").then_some(asked)
        });
        units.push(next.await.unit());
    }
    units.sort_unstable();
    assert_eq!(units, [1, 2]);
    for code in codes {
        assert_eq!(stack.purchase(code).await.name(), "purchase-cancelled");
    }
    assert_holds(&stack.audit());
}

async fn what_cannot_be_cancelled_is_refused_in_a_sentence(kind: Kind) {
    let (stack, sale) = one_sale(kind, 5, 5).await;
    let (held, ended) = (stack.checkout("ann", sale).await, stack.checkout("ann", sale).await);
    stack.delete(&format!("/checkout?code={}", ended.code())).await;
    let gone = stack.bought("ann", sale).await;
    stack.cancel(gone.code());
    let unknown = "00000000-07d1-8c3e-9a5b-2f6e0c41d788";

    for (code, says) in [
        (held.code(), "the code was not redeemed: it is held"),
        (ended.code(), "the code was not redeemed: it is released"),
        (gone.code(), "the purchase is cancelled already"),
        (unknown, "there is no such code"),
        ("7", "must be a UUID"),
    ] {
        let said = stack.refused(&["purchases", "cancel", code, "--reason", REASON]);
        assert!(said.contains(says), "{code}: {said}");
    }
    let said = stack.refused(&["purchases", "cancel", held.code()]);
    assert!(said.contains("--reason"), "{said}");
    assert_eq!(stack.purchase(held.code()).await.name(), "ok", "a code is a promise");
}

async fn a_purchase_is_cancelled_over_http_and_everybody_is_told_the_same(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let receipt = shop.stack.bought("-ann", sale).await;
    let at = format!("/admin/purchases/{}/cancel", receipt.code());
    let id = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788";
    let order =
        || shop.order(Method::POST, &at, &json!({ "why": REASON })).header("idempotency-key", id);

    let done = answer(order()).await;
    let again = answer(order()).await;
    let other = shop.done(Method::POST, &at, &json!({ "why": "another" })).await;

    assert_eq!(
        (done.status, &done.body["action"]["action"], &done.body["in_effect"]),
        (200, &"purchase-cancelled".into(), &true.into()),
        "{done:?}"
    );
    assert_eq!(done.body["action"]["after"]["unit"], receipt.body["unit"]);
    assert!(!done.text.contains(receipt.code()), "{done:?}");
    assert_eq!((again.status, again.header("idempotency-replayed")), (200, Some("true")));
    assert_eq!(again.body["action"], done.body["action"]);
    assert_eq!((other.status, &other.body["refused"]), (409, &"already-cancelled".into()));

    let shown = shop.stack.get(&format!("/purchases/{}", receipt.code())).await;
    assert_is_cancelled(&shown.body, &receipt.body);
    let cancelled_at = shown.body["cancelled_at"].as_str().unwrap();
    let code = shop.look(&format!("/admin/codes/{}", receipt.code())).await;
    let (attempt, purchase) = (&code.body["attempt"], &code.body["purchase"]);
    assert_eq!(
        (&attempt["state"], &attempt["ended_at"]),
        (&"cancelled".into(), &cancelled_at.into())
    );
    assert_eq!(
        (&purchase["cancelled_at"], &purchase["reason"]),
        (&cancelled_at.into(), &REASON.into())
    );
    assert_eq!(code.body, shop.stack.look_up(&["codes", "show", receipt.code()]));
    let export = shop.look(&format!("/admin/sales/{sale}/purchases")).await;
    let row = export.text.lines().nth(1).unwrap();
    assert!(row.contains(&format!("{cancelled_at},{REASON}")), "{row}");
    let (purchases, _) = shop.stack.exported(&["purchases", "--sale", &sale.to_string()]);
    let row = purchases.lines().nth(1).unwrap();
    assert!(row.ends_with(&format!("{cancelled_at},{REASON}")), "{row}");
    assert_holds(&shop.stack.audit());
}

async fn whoever_may_only_look_or_gives_no_reason_cancels_nothing(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let receipt = shop.stack.bought("ann", sale).await;
    let held = shop.stack.checkout("ann", sale).await;
    let at = |code: &str| format!("/admin/purchases/{code}/cancel");
    let (body, before) = (json!({ "why": REASON }), shop.trail().await);

    let of_viewer = shop.request(Method::POST, &at(receipt.code())).json(&body);
    let of_viewer = answer(of_viewer.bearer_auth(&shop.bob.token)).await;
    assert_eq!((of_viewer.status, of_viewer.name()), (403, "forbidden"));
    for (path, body) in [
        (at(receipt.code()), json!({})),
        (at(receipt.code()), json!({ "why": "" })),
        (at("7"), body.clone()),
    ] {
        let refused = shop.done(Method::POST, &path, &body).await;
        assert_eq!((refused.status, refused.name()), (400, "invalid-request"), "{path} {body}");
    }
    assert_eq!(shop.trail().await, before);

    let of_held = shop.done(Method::POST, &at(held.code()), &body).await;
    assert_eq!((of_held.status, &of_held.body["refused"]), (409, &"not-purchased".into()));
    let unknown = at("00000000-07d1-8c3e-9a5b-2f6e0c41d788");
    let unknown = shop.done(Method::POST, &unknown, &body).await;
    assert_eq!((unknown.status, unknown.name()), (404, "code-not-found"));
    assert_eq!(shop.stack.purchase(receipt.code()).await.name(), "code-already-used");
    assert_eq!(shop.stack.purchase(held.code()).await.name(), "ok");
}

async fn what_was_cancelled_is_shown_to_operators_and_counted_for_its_buyer(kind: Kind) {
    let shop = Shop::open(kind).await;
    let sale = shop.stack.sale().await;
    let (gone, stays) =
        (shop.stack.bought("ann", sale).await, shop.stack.bought("ann", sale).await);
    shop.stack.bought("bob", sale).await;

    shop.stack.cancel(gone.code());

    let me = shop.stack.get(&format!("/me?sale={sale}&user_id=ann")).await;
    let counts = ["held", "bought", "cancelled", "limit", "may_have"];
    assert_eq!(counts.map(|name| me.body[name].as_i64().unwrap()), [0, 1, 1, 10, 9]);
    for codes in ["holds", "purchases", "cancelled_purchases"] {
        assert_eq!(me.body.get(codes), None, "no code is for whoever says who they are");
    }
    let bob = shop.stack.get(&format!("/me?sale={sale}&user_id=bob")).await;
    assert_eq!((&bob.body["bought"], &bob.body["cancelled"]), (&1.into(), &0.into()));

    let id = sale.to_string();
    let found = shop.look("/admin/users/ann").await;
    assert_eq!(found.body, shop.stack.look_up(&["users", "show", "ann"]));
    assert_eq!(found.body, shop.look(&format!("/admin/users/ann?sale={sale}")).await.body);
    let mut units = found.body["units"].as_array().unwrap().clone();
    units.sort_by_key(|unit| unit["state"] == "sold");
    let of_receipt = shop.stack.get(&format!("/purchases/{}", gone.code())).await.body;
    let shown = |receipt: &Value, state: &str| {
        json!({
            "sale_id": sale, "unit": receipt["unit"], "state": state, "code": receipt["code"],
            "expires_at": null, "purchased_at": receipt["purchased_at"],
            "item_name": receipt["item"]["name"], "cancelled_at": receipt["cancelled_at"],
            "reason": receipt["reason"],
        })
    };
    assert_eq!(units, [shown(&of_receipt, "cancelled"), shown(&stays.body, "sold")]);
    assert_eq!(of_receipt["reason"], REASON);
    let table = shop.stack.operate(&["users", "show", "ann", "--sale", &id]);
    let line = table.lines().find(|line| line.contains(gone.code())).unwrap();
    assert!(line.contains(" cancelled ") && line.contains(&format!("({REASON})")), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_codes_than_one_command_takes_are_refused_by_their_number() {
    let stack = Stack::prepare(Settings::on(Kind::Embedded));
    let codes = (0..1_001).map(|n| format!("00000000-0143-8ccf-a7f3-{n:012x}"));
    let codes = codes.collect::<Vec<_>>();
    let command = ["purchases", "cancel", "--reason", "a recall"].into_iter();
    let command = command.chain(codes.iter().map(String::as_str)).collect::<Vec<_>>();

    let said = stack.refused(&command);

    assert!(said.contains("1001 codes are more than the 1000 that one command takes"), "{said}");
    assert!(!said.contains("8ccf"), "{said}");
}
