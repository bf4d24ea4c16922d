//! What operators do in mid-sale, from the shell, and what buyers see of it.

use std::process::Stdio;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::stack::{Kind, Settings, Stack, on_both_stacks};

on_both_stacks! {
    stock_that_is_raised_in_mid_sale_is_sold
    stock_is_lowered_to_the_highest_live_unit_and_no_further
    an_end_is_moved_later_and_earlier
    a_start_that_is_moved_earlier_is_in_effect_in_every_process_when_it_is_answered
    a_limit_that_is_raised_counts_for_whoever_had_reached_it
    a_sale_that_is_ended_keeps_its_holds
    a_pause_is_in_effect_in_every_process_when_it_is_answered
    of_two_operators_the_second_is_told_what_the_first_did
    the_same_order_again_does_nothing_more
    a_hold_is_given_back_by_an_operator
    the_trail_tells_it_all
    orders_are_carried_out_while_nobody_serves
    orders_that_cannot_be_are_refused_in_a_sentence
    what_is_done_to_a_product_is_in_the_trail
    a_product_that_is_ordered_again_is_made_once
}

impl Stack {
    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.operate(arguments)).unwrap()
    }
}

async fn one_sale(kind: Kind, units: u32, per_user_limit: u16) -> (Stack, i64, String) {
    let settings = Settings { stock: units, per_user_limit, ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let sale = stack.sale().await;
    (stack, sale, sale.to_string())
}

async fn stock_that_is_raised_in_mid_sale_is_sold(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 2, 1).await;
    let held = stack.checkout("ann", sale).await;
    stack.checkout("bob", sale).await;
    assert_eq!(stack.checkout("cid", sale).await.name(), "sold-out");

    stack.operate(&["sales", "change", &id, "--stock", "4"]);

    for user in ["cid", "dan"] {
        let granted = stack.checkout(user, sale).await;
        assert_eq!(granted.name(), "ok", "{granted:?}");
        assert!(granted.unit() > 2, "{granted:?}");
    }
    assert_eq!(stack.checkout("eve", sale).await.name(), "sold-out");
    assert_eq!(stack.purchase(held.code()).await.name(), "ok", "a code is a promise");
    stack
        .until("it is shown", async |stack| {
            stack.get(&format!("/sales/{sale}")).await.body["stock"] == 4
        })
        .await;
}

async fn stock_is_lowered_to_the_highest_live_unit_and_no_further(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 9, 9).await;
    let mut highest = 0;
    for _ in 0..3 {
        let held = stack.checkout("ann", sale).await;
        stack.purchase(held.code()).await;
        highest = highest.max(held.unit());
    }
    // What ended above it stands in the way of nothing, and is no breach.
    let ended = stack.checkout("ann", sale).await;
    assert!(ended.unit() > highest, "{ended:?}");
    stack.delete(&format!("/checkout?code={}", ended.code())).await;
    let (too_low, low) = ((highest - 1).to_string(), highest.to_string());

    let said = stack.refused(&["sales", "change", &id, "--stock", &too_low]);
    stack.operate(&["sales", "change", &id, "--stock", &low]);

    assert!(said.contains(&format!("unit {highest} is on hold or sold")), "{said}");
    assert!(said.contains("9 units"), "{said}");
    for _ in highest..=9 {
        let asked = stack.checkout("bob", sale).await;
        assert!(asked.name() == "sold-out" || asked.unit() <= highest, "{asked:?}");
    }
    crate::crowd::assert_holds(&stack.audit());
    // What somebody had stays visible, and what nobody could have had is still not there.
    let ended = ended.unit().to_string();
    stack
        .until("the lower stock is shown", async |stack| {
            stack.get(&format!("/sales/{sale}")).await.body["stock"] == highest
        })
        .await;
    let shown = stack.operate(&["units", "show", &id, &ended]);
    assert!(shown.contains("ann") && shown.contains("released"), "{shown}");
    let picture = async |unit: &str| stack.get(&format!("/items/{sale}/{unit}.svg")).await;
    assert_eq!(picture(&ended).await.status, 200);
    assert_eq!(picture("10").await.name(), "item-not-found");
    let said = stack.refused(&["units", "show", &id, "10"]);
    assert!(said.contains(&format!("has {highest} units, numbered from 1")), "{said}");
}

async fn an_end_is_moved_later_and_earlier(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 9, 9).await;
    let ends_at = |stack: &Stack| stack.json(&["actions", "list", "--sale", &id, "--json"]);

    for hours in [48, 1] {
        let end = Timestamp::now() + SignedDuration::from_hours(hours);
        stack.operate(&["sales", "change", &id, "--ends-at", &end.to_string()]);

        let after = ends_at(&stack)["actions"][0]["after"]["ends_at"].clone();
        let moved: Timestamp = after.as_str().unwrap().parse().unwrap();
        assert!((moved - end).total(jiff::Unit::Second).unwrap().abs() < 1.0, "{moved} {end}");
        assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    }
    let soon = Timestamp::now() + SignedDuration::from_secs(2);
    stack.operate(&["sales", "change", &id, "--ends-at", &soon.to_string()]);
    stack
        .until("it is over", async |stack| stack.checkout("bob", sale).await.name() == "sale-ended")
        .await;
}

/// On servers there are two processes, and requests go to them in turn.
async fn a_start_that_is_moved_earlier_is_in_effect_in_every_process_when_it_is_answered(
    kind: Kind,
) {
    let (stack, _, _) = one_sale(kind, 9, 9).await;
    let far = Timestamp::now() + SignedDuration::from_hours(3);
    stack.operate(&["sales", "schedule", "--starts-at", &far.to_string(), "--lasts", "1h"]);
    let is_early = async |stack: &Stack| {
        for _ in 0..4 {
            let early = stack.checkout("ann", 2).await;
            assert_eq!(early.name(), "sale-not-open", "{early:?}");
        }
    };
    let is_listed = async |stack: &Stack| stack.get("/sales/2").await.status == 200;
    for _ in 0..4 {
        stack.until("its processes know it", is_listed).await;
    }

    let nearer = far - SignedDuration::from_hours(1);
    for starts_at in [nearer, Timestamp::now()] {
        is_early(&stack).await;
        let change = ["sales", "change", "2", "--json", "--starts-at", &starts_at.to_string()];
        let moved = stack.json(&change);
        assert_eq!(moved["in_effect"], true, "{moved}");

        for _ in 0..4 {
            let asked = stack.checkout("ann", 2).await;
            if starts_at == nearer {
                let told: Timestamp = asked.body["starts_at"].as_str().unwrap().parse().unwrap();
                assert!((told - nearer).total(jiff::Unit::Second).unwrap().abs() < 1.0);
            } else {
                assert_eq!(asked.name(), "ok", "{asked:?}");
            }
        }
    }
}

async fn a_limit_that_is_raised_counts_for_whoever_had_reached_it(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 9, 1).await;
    stack.checkout("ann", sale).await;
    assert_eq!(stack.checkout("ann", sale).await.name(), "user-limit-reached");

    stack.operate(&["sales", "change", &id, "--limit", "2"]);

    assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    let refused = stack.checkout("ann", sale).await;
    assert_eq!((refused.name(), &refused.body["limit"]), ("user-limit-reached", &Value::from(2)));
    let said = stack.refused(&["sales", "change", &id, "--limit", "1"]);
    assert!(said.contains("the limit is 2, and can only be raised"), "{said}");
}

async fn a_sale_that_is_ended_keeps_its_holds(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 9, 9).await;
    let held = stack.checkout("ann", sale).await;
    let would = stack.operate(&["sales", "end", &id, "--dry-run"]);
    assert!(would.contains("8 units would not be sold; 1 on hold"), "{would}");
    assert_eq!(stack.checkout("bob", sale).await.name(), "ok", "nothing was done");

    stack.operate(&["sales", "end", &id]);

    assert_eq!(stack.checkout("cid", sale).await.name(), "sale-ended");
    assert_eq!(stack.purchase(held.code()).await.name(), "ok", "a code is a promise");
    let said = stack.refused(&["sales", "resume", &id]);
    assert!(said.contains("has ended"), "{said}");
}

/// On servers there are two processes, and requests go to them in turn.
async fn a_pause_is_in_effect_in_every_process_when_it_is_answered(kind: Kind) {
    let (stack, sale, id) = one_sale(kind, 100, 100).await;
    for _ in 0..4 {
        assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    }

    stack.operate(&["sales", "pause", &id]);

    for _ in 0..4 {
        assert_eq!(stack.checkout("ann", sale).await.name(), "sale-paused");
    }
    stack.operate(&["sales", "resume", &id]);
    for _ in 0..4 {
        assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
    }
}

/// Whoever stops it cannot reach Redis, which serves the sale as it was and is told by nobody.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_stopped_while_redis_cannot_be_told_is_granted_by_no_process() {
    for (stop, is_stopped, said) in [
        ("pause", "state = 'paused'", "sale-paused"),
        ("end", "ends_at <= clock_timestamp()", "sale-ended"),
    ] {
        let (stack, sale, id) = one_sale(Kind::Servers, 100, 100).await;
        for _ in 0..4 {
            assert_eq!(stack.checkout("ann", sale).await.name(), "ok");
        }
        let blind = stack.program().env("REDIS_URL", "redis://127.0.0.1:1");
        let mut stopping =
            blind.command(["sales", stop, &id]).stderr(Stdio::null()).spawn().unwrap();
        let stands = format!("SELECT count(*) FROM sales WHERE id = {sale} AND {is_stopped}");
        stack.until("the ledger has it", async |stack| stack.count(&stands) == 1).await;

        // A process hears of it within a second. Until then there is no answer, and no unit.
        let is_told = async |stack: &Stack| {
            let answer = stack.checkout("ann", sale).await;
            assert!(
                matches!(answer.name(), name if name == said || name == "unavailable"),
                "{answer:?}"
            );
            answer.name() == said
        };
        for _ in 0..4 {
            stack.until("its buyers are told", is_told).await;
        }

        // It waits for Redis in vain.
        stopping.kill().unwrap();
        stopping.wait().unwrap();
        let refused = format!("outcome = '{}'", said.trim_start_matches("sale-"));
        let recorded = format!("SELECT count(*) FROM checkout_attempts WHERE sale_id = {sale} AND");
        assert_eq!(stack.count(&format!("{recorded} outcome = 'granted'")), 4);
        assert_eq!(stack.count(&format!("{recorded} {refused}")), 4);
        crate::crowd::assert_holds(&stack.audit());
    }
}

async fn of_two_operators_the_second_is_told_what_the_first_did(kind: Kind) {
    let (stack, _, id) = one_sale(kind, 9, 9).await;
    let trail = stack.json(&["actions", "list", "--sale", &id, "--json"]);
    let seen = trail["actions"][0]["number"].to_string();

    let pause = ["sales", "pause", &id, "--as", "ann", "--if-at", &seen];
    stack.operate(&pause);
    let said = stack.refused(&["sales", "end", &id, "--as", "bob", "--if-at", &seen]);

    assert!(said.contains("the sale was changed since: sale-paused by ann"), "{said}");
    assert!(said.contains("paused"), "{said}");
}

async fn the_same_order_again_does_nothing_more(kind: Kind) {
    let stack = Stack::prepare(Settings { processes: 1, ..Settings::on(kind) });
    let id = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788";
    let schedule = ["sales", "schedule", "--lasts", "1h", "--starts-at", "2100-01-01T00:00:00Z"];
    let order = [schedule.as_slice(), &["--id", id, "--json"]].concat();

    let (first, again) = (stack.json(&order), stack.json(&order));

    assert_eq!((&first["replayed"], &again["replayed"]), (&false.into(), &true.into()));
    assert_eq!(first["action"], again["action"]);
    assert_eq!(stack.operate(&["sales", "list"]).lines().count(), 3);
    let said = stack.refused(&["sales", "pause", "1", "--id", id]);
    assert!(said.contains("the id is that of number"), "{said}");
}

async fn a_hold_is_given_back_by_an_operator(kind: Kind) {
    let (stack, sale, _) = one_sale(kind, 1, 1).await;
    let held = stack.checkout("ann", sale).await;
    assert_eq!(stack.checkout("bob", sale).await.name(), "sold-out");

    let said = stack.operate(&["holds", "release", held.code(), "--why", "she called"]);

    assert!(!said.contains(held.code()) && said.contains("unit 1 of "), "{said}");
    assert_eq!(stack.purchase(held.code()).await.status, 410);
    stack
        .until("it is had again", async |stack| stack.checkout("bob", sale).await.name() == "ok")
        .await;
    let again = stack.refused(&["holds", "release", held.code()]);
    assert!(again.contains("nothing is on hold under the code: it is released"), "{again}");
}

async fn the_trail_tells_it_all(kind: Kind) {
    let (stack, _, id) = one_sale(kind, 9, 9).await;
    stack.operate(&["sales", "change", &id, "--stock", "12", "--as", "ann", "--why", "more came"]);
    stack.refused(&["sales", "change", &id, "--hold", "1s", "--as", "bob"]);

    let table = stack.operate(&["actions", "list"]);
    let trail = stack.json(&["actions", "list", "--sale", &id, "--json", "--limit", "2"]);

    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[1].contains("bob") && lines[1].contains("refused: hold_ms"), "{table}");
    assert!(lines[2].contains("ann") && lines[2].contains("12 units  (more came)"), "{table}");
    assert!(lines[3].contains("sale-scheduled"), "{table}");
    let [refused, changed] = [&trail["actions"][0], &trail["actions"][1]];
    assert_eq!(refused["refused"]["refused"], "sale-already-open");
    assert_eq!((&changed["before"]["stock"], &changed["after"]["stock"]), (&9.into(), &12.into()));
    assert_eq!((&changed["why"], &changed["operator"]), (&"more came".into(), &"ann".into()));
    let before = changed["number"].to_string();
    let older = stack.json(&["actions", "list", "--json", "--before", &before]);
    assert_eq!(older["actions"].as_array().unwrap().len(), 1);
}

async fn orders_are_carried_out_while_nobody_serves(kind: Kind) {
    let mut stack = Stack::prepare(Settings { stock: 1, processes: 1, ..Settings::on(kind) });
    stack.operate(&["sales", "change", "1", "--stock", "2"]);

    stack.start_app().await;

    for _ in 0..2 {
        assert_eq!(stack.checkout("ann", 1).await.name(), "ok");
    }
    assert_eq!(stack.checkout("ann", 1).await.name(), "sold-out");
}

async fn orders_that_cannot_be_are_refused_in_a_sentence(kind: Kind) {
    let (stack, _, id) = one_sale(kind, 9, 9).await;
    let past = "2020-01-01T00:00:00Z";

    for (arguments, says) in [
        (&["sales", "change", &id][..], "--starts-at, --ends-at, --stock, --limit or --hold"),
        (&["sales", "change", &id, "--stock", "0"], "--stock must be from 1 to 1000000, not 0"),
        (&["sales", "change", &id, "--stock", "x"], "invalid"),
        (&["sales", "change", &id, "--limit", "1001"], "--limit must be from 1 to 1000, not 1001"),
        (&["sales", "change", &id, "--ends-at", past], "the sale would be over already"),
        (&["sales", "change", &id, "--starts-at", past], "only before the sale opens"),
        (&["sales", "change", "77", "--stock", "5"], "there is no sale 77"),
        (&["sales", "pause", "77"], "there is no sale 77"),
        (&["sales", "pause", &id, "--as", "a b"], "unlike the character at position 2"),
        (&["sales", "pause", &id, "--why", ""], "must not be empty"),
        (&["sales", "pause", &id, "--id", "7"], "must be a UUID"),
        (&["holds", "release", "7"], "must be a UUID"),
        (&["holds", "release", "00000000-07d1-8c3e-9a5b-2f6e0c41d788"], "there is no such code"),
    ] {
        let said = stack.refused(arguments);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

async fn what_is_done_to_a_product_is_in_the_trail(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let image = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&image, crate::products::png(7)).unwrap();
    let put = ["products", "put", "--sku", "lamp", "--as", "ann", "--name"];
    let picture =
        ["--price", "1999", "--currency", "EUR", "--image", image.path().to_str().unwrap()];
    stack.operate(&[&put[..], &["Lamp \"7\""], &picture, &["--why", "it is new"]].concat());
    let said = stack.json(&[&put[..], &["Lantern", "--json"]].concat());
    let archived = stack.operate(&["products", "archive", "lamp", "--as", "bob"]);
    let refused = stack.refused(&[&put[..], &["Torch"]].concat());

    assert_eq!((&said["action"]["operator"], &said["in_effect"]), (&"ann".into(), &true.into()));
    assert!(archived.contains("Lantern (archived "), "{archived}");
    assert!(refused.contains("lamp: the product is archived"), "{refused}");
    let table = stack.operate(&["actions", "list"]);
    assert!(table.contains("product 1, version 1: lamp Lamp \"7\"  (it is new)"), "{table}");
    let trail = stack.json(&["actions", "list", "--json", "--limit", "4"]);
    let [refused, archived, changed, made] = [0, 1, 2, 3].map(|row| &trail["actions"][row]);
    assert_eq!(made["before"], Value::Null);
    assert_eq!(made["asked"]["image"], made["after"]["image"]);
    assert_eq!(
        (&made["after"]["name"], &made["after"]["price_amount"]),
        (&"Lamp \"7\"".into(), &1_999.into())
    );
    assert_eq!(
        (&changed["before"], &changed["after"]["name"]),
        (&made["after"], &"Lantern".into())
    );
    assert_eq!(changed["after"].get("image"), None, "what is left out is not there any more");
    assert_eq!(
        (&archived["after"]["state"], &archived["operator"]),
        (&"archived".into(), &"bob".into())
    );
    assert_eq!((&refused["before"], &refused["after"]), (&archived["after"], &Value::Null));
    assert_eq!(refused["refused"]["refused"], "product-archived");
    for row in [refused, archived, changed, made] {
        assert_eq!((&row["product_id"], &row["sale_id"]), (&1.into(), &Value::Null));
    }
}

async fn a_product_that_is_ordered_again_is_made_once(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let image = tempfile::NamedTempFile::new().unwrap();
    // As large as one may be: the process that serves is handed it.
    let mut file = crate::products::png(7);
    file.resize(512 * 1024, 7);
    std::fs::write(&image, file).unwrap();
    let id = "6f1c3b52-0a4e-4d7e-9a5b-2f6e0c41d788";
    let named = ["products", "put", "--sku", "lamp", "--name"];
    let first =
        [&named[..], &["Lamp", "--image", image.path().to_str().unwrap(), "--id", id, "--json"]]
            .concat();

    let made = stack.json(&first);
    stack.operate(&[&named[..], &["Lantern"]].concat());
    let again = stack.json(&first);
    let other = stack.refused(&[&named[..], &["Torch", "--id", id]].concat());
    let unseen = stack.refused(&["products", "archive", "lamp", "--if-at", "1"]);

    assert_eq!((&made["replayed"], &again["replayed"]), (&false.into(), &true.into()));
    assert_eq!(again["action"], made["action"]);
    assert!(other.contains("of the trail: product-put by"), "{other}");
    assert!(unseen.contains("unexpected argument '--if-at'"), "{unseen}");
    assert_eq!(stack.count("SELECT count(*) FROM product_versions"), 2);
    let listed = stack.operate(&["products", "list"]);
    assert!(listed.contains("Lantern") && !listed.contains("archived"), "{listed}");
}
