//! What the service shows: sales, items, its own health.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    crowd::assert_holds,
    stack::{Answer, Kind, Settings, Stack, on_both_stacks},
};

on_both_stacks! {
    a_sale_shows_how_it_stands
    sales_are_listed_by_the_page_the_newest_first
    a_sale_says_what_follows_it_until_it_has_ended
    a_sale_to_come_is_shown_and_refuses_until_it_opens
    an_item_has_a_picture_that_never_changes
    a_shop_without_a_timetable_is_ready_without_a_sale_and_shows_what_an_operator_makes
    what_an_operator_makes_is_sold_beside_the_sale_of_the_timetable
    a_ready_service_says_what_it_has
    head_shows_the_headers_alone
}

async fn a_sale_shows_how_it_stands(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let sold = stack.checkout("alice", sale).await;
    stack.purchase(sold.code()).await;
    stack.checkout("alice", sale).await;

    stack
        .until("what was done is counted, whichever process is asked", async |stack| {
            let mut counted = 0;
            for _ in &stack.apps {
                let shown = stack.get("/sales/current").await.body;
                counted += usize::from(shown["sold"] == 1 && shown["held"] == 1);
            }
            counted == stack.apps.len()
        })
        .await;

    let shown = stack.get(&format!("/sales/{sale}")).await.body;
    for (field, value) in [
        ("id", json!(sale)),
        ("state", json!("open")),
        ("stock", json!(100)),
        ("sold", json!(1)),
        ("held", json!(1)),
        ("available", json!(98)),
        ("per_user_limit", json!(10)),
        ("hold_ms", json!(300_000)),
    ] {
        assert_eq!(shown[field], value, "{field}");
    }
    for field in ["starts_at", "ends_at", "server_time"] {
        assert!(shown[field].as_str().unwrap().ends_with('Z'), "{field}");
    }
}

async fn sales_are_listed_by_the_page_the_newest_first(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    stack
        .until("there are seven sales", async |stack| {
            stack.count("SELECT count(*) FROM sales") >= 7
        })
        .await;

    let first = stack.get("/sales?limit=3").await.body;
    let next = first["next"].as_str().unwrap();
    let second = stack.get(next).await.body;
    let all = stack.get("/sales").await.body;

    let ids = |page: &serde_json::Value| -> Vec<_> {
        page["sales"].as_array().unwrap().iter().map(|sale| sale["id"].as_i64().unwrap()).collect()
    };
    let both = [ids(&first), ids(&second)].concat();
    assert_eq!(both.len(), 6);
    assert!(both.is_sorted_by(|newer, older| newer > older), "{both:?}");
    assert!(all["next"].is_null() && ids(&all).ends_with(&[1]), "{all}");
}

async fn a_sale_says_what_follows_it_until_it_has_ended(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1s", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let (mut followed, mut ended) = (false, false);

    stack
        .until("a sale that goes on and one that has ended are shown", async |stack| {
            let page = stack.get("/sales").await.body;
            for sale in page["sales"].as_array().unwrap() {
                let next = &sale["next_sale"];
                if sale["state"] == "ended" {
                    assert!(next.is_null(), "{sale}");
                    ended = true;
                } else if !next.is_null() {
                    assert_eq!(next["id"].as_i64(), sale["id"].as_i64().map(|id| id + 1), "{sale}");
                    assert!(next["starts_at"].as_str() >= sale["ends_at"].as_str(), "{sale}");
                    followed = true;
                }
            }
            followed && ended
        })
        .await;
}

async fn a_sale_to_come_is_shown_and_refuses_until_it_opens(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1day", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let next = stack.sale().await + 1;

    let shown = stack.get(&format!("/sales/{next}")).await.body;
    let refused = stack.checkout("alice", next).await;

    assert_eq!((&shown["state"], &shown["available"]), (&json!("scheduled"), &json!(100)));
    assert_eq!((refused.status, refused.name()), (409, "sale-not-open"));
    assert_eq!(refused.body["starts_at"], shown["starts_at"]);
    let followed = stack.get(&format!("/sales/{}", next - 1)).await.body;
    assert_eq!(followed["next_sale"], json!({ "id": next, "starts_at": shown["starts_at"] }));
}

/// Makes a sale that began so many minutes ago and lasts an hour; returns its number.
fn schedule(stack: &Stack, minutes_ago: i64) -> i64 {
    let starts_at = Timestamp::now() - SignedDuration::from_mins(minutes_ago);
    let starts_at = starts_at.to_string();
    let made = stack.operate(&["sales", "schedule", "--starts-at", &starts_at, "--lasts", "1h"]);
    made.lines().nth(1).unwrap().split_whitespace().next().unwrap().parse().unwrap()
}

async fn a_shop_without_a_timetable_is_ready_without_a_sale_and_shows_what_an_operator_makes(
    kind: Kind,
) {
    let stack = Stack::start(Settings { by_hand: false, ..Settings::on(kind) }).await;
    assert_eq!(stack.get("/health/ready").await.body["checks"]["sale"], "none");
    assert_eq!(stack.get("/sales/current").await.name(), "sale-not-found");

    let later = schedule(&stack, -30);
    let newest = schedule(&stack, 5);
    let oldest = schedule(&stack, 10);

    for (sale, ends_first) in [(oldest, "pause"), (newest, "pause"), (oldest, "")] {
        stack
            .until("the sale that is open the longest is shown", async |stack| {
                stack.get("/sales/current").await.body["id"] == sale
            })
            .await;
        if !ends_first.is_empty() {
            stack.operate(&["sales", ends_first, &sale.to_string()]);
        }
    }
    assert_eq!(stack.get(&format!("/sales/{later}")).await.body["state"], "scheduled");
}

async fn what_an_operator_makes_is_sold_beside_the_sale_of_the_timetable(kind: Kind) {
    let settings = Settings { by_hand: false, sale_period: "1day", ..Settings::on(kind) };
    let stack = Stack::start(settings).await;
    let of_timetable = stack.sale().await;
    let sales = [of_timetable, schedule(&stack, 5), schedule(&stack, 5)];

    for sale in sales {
        stack
            .until("the sale is served", async |stack| {
                stack.checkout("ann", sale).await.name() == "ok"
            })
            .await;
    }

    assert_eq!(stack.sale().await, of_timetable);
    let list = stack.operate(&["sales", "list"]);
    assert_eq!(list.matches(" operator\n").count(), 2, "{list}");
    assert_eq!(list.matches(" timetable\n").count(), 2, "{list}");
    assert_holds(&stack.audit());
}

async fn an_item_has_a_picture_that_never_changes(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;
    let sale = stack.sale().await;
    let path = format!("/items/{sale}/7.svg");

    let picture = stack.get(&path).await;
    let again = stack.get(&path).await;
    let other = stack.get(&format!("/items/{sale}/8.svg")).await;
    let beyond = stack.get(&format!("/items/{sale}/101.svg")).await;

    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/svg+xml")));
    assert!(picture.text.starts_with("<svg") && picture.text.contains("No. 7"), "{picture:?}");
    assert!(picture.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(picture.text, again.text);
    assert_ne!(picture.text, other.text);
    assert_eq!((beyond.status, beyond.name()), (404, "item-not-found"));
}

async fn a_ready_service_says_what_it_has(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for path in ["/health", "/health/ready"] {
        let ready = stack.get(path).await;
        let checks = match kind {
            Kind::Servers => json!({ "postgres": "up", "redis": "up", "sale": "open" }),
            Kind::Embedded => json!({ "sqlite": "up", "memory": "up", "sale": "open" }),
        };
        assert_eq!((ready.status, &ready.body["checks"]), (200, &checks), "{path}");
    }
    assert_eq!(stack.get("/health/live").await.status, 200);
}

async fn head_shows_the_headers_alone(kind: Kind) {
    let stack = Stack::start(Settings::on(kind)).await;

    for path in ["/sales/current", "/items/1/1.svg", "/health/live"] {
        let request = stack.http.head(format!("{}{path}", stack.url()));
        let answer = Answer::read(request).await.unwrap();
        assert_eq!((answer.status, answer.text.as_str()), (200, ""), "{path}");
    }
}
