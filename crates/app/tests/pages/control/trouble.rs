//! What an operator sees when something is not as it should be.

use serde_json::{Value, json};

use super::room::{Operator, Room};
use crate::eye::{self, ago_s};

#[test]
fn where_no_sale_is_on_and_none_is_planned_that_is_said() {
    let room = Room::with(&[]);

    let ann = room.operator();

    ann.reads("title", "No sale is on, and none is planned");
    ann.reads("sub", "Schedule one below.");
    ann.looks("none");
}

/// The stores, of which these are otherwise.
fn stores(otherwise: &Value) -> Value {
    let all = ["ledger", "live"].map(|name| {
        let is_it = otherwise["name"] == name;
        if is_it {
            otherwise.clone()
        } else {
            json!({ "name": name, "state": "up", "call_ms": 0.7, "changed_at": ago_s(300) })
        }
    });
    json!({ "stores": all })
}

#[test]
fn what_it_means_that_a_store_is_away_is_said_until_it_is_back() {
    let room = Room::open();
    let ann = room.operator_told();
    ann.reads("linkText", "All well");

    ann.is_told(&stores(&json!({ "name": "live", "state": "down", "why": "connection refused", "changed_at": ago_s(20) })));

    ann.reads("banner", "No answer from the live store since");
    ann.reads("banner", "Units on hold can be bought. Nothing is lost.");
    ann.reads("linkText", "Live store down");
    ann.reads("health", "connection refused");
    ann.looks("live-store-down");
    ann.is_told(&stores(&json!({ "name": "ledger", "state": "refuses", "why": "no standby follows it", "changed_at": ago_s(20) })));
    ann.reads("banner", "Nothing can be written to the ledger since");
    ann.reads("linkText", "Ledger takes nothing");
    ann.looks("ledger-refuses");
    ann.is_told(&stores(&Value::Null));
    ann.reads("linkText", "All well");
    ann.until("document.getElementById('banner').hidden");
}

#[test]
fn processes_that_fell_silent_and_stores_that_disagree_are_named() {
    let room = Room::open();
    let ann = room.operator_told();
    let process = |name: &str, ago: i64| json!({ "id": name.repeat(16), "address": format!("10.0.0.{ago}:8080"), "ago_ms": ago * 1_000 });

    ann.is_told(&json!({ "processes": [process("a1", 0), process("b2", 0), process("c3", 900)], "drift": { "units": 3, "checked_at": ago_s(1) } }));

    ann.reads("health", "2 of 3");
    ann.reads("health", "10.0.0.900:8080 last seen");
    ann.reads("health", "drift 3");
    ann.reads("linkText", "Stores disagree");
    ann.looks_at("health", "processes");
}

#[test]
fn when_no_news_come_the_numbers_say_how_old_they_are() {
    let room = Room::open();
    let ann = room.operator_told();

    ann.read("window.isDeaf = true; cut()");

    ann.reads("banner", "No news since");
    ann.reads("banner", "the shop itself may be fine");
    ann.until("/^No news for \\d+ s$/.test(document.getElementById('linkText').textContent)");
    ann.until("document.getElementById('main').classList.contains('off')");
    ann.looks("lost");
    ann.read("window.isDeaf = false");
    ann.reads("linkText", "All well");
    ann.until("document.getElementById('banner').hidden && !document.getElementById('main').classList.contains('off')");
}

/// Has what asks for the stream anew be answered so.
fn answered(ann: &Operator, status: u16, kind: &str, body: &str) {
    ann.read(&format!(
        "window.answers = {}; cut()",
        json!({ "status": status, "kind": kind, "body": body })
    ));
}

#[test]
fn whoever_finds_no_place_or_nonsense_is_told_and_asks_again() {
    let room = Room::open();
    let ann = room.operator_told();

    answered(
        &ann,
        503,
        "application/problem+json",
        r#"{"type":"/problems/overloaded","status":503}"#,
    );
    ann.reads("banner", "Too many watch at once");
    for nonsense in [
        "event: control\ndata: {\"sales\":7}\n\n",
        "event: control\ndata: <b>\n\n",
        "data: [\n\n",
        "\n\n",
    ] {
        answered(&ann, 200, "text/event-stream", &nonsense.repeat(4));
        ann.reads("banner", "No news since");
    }
    answered(&ann, 200, "text/html", "<html>a page of a proxy</html>");
    ann.reads("banner", "No news since");

    ann.read("window.answers = null");

    ann.reads("linkText", "All well");
}

#[test]
fn a_service_that_is_away_is_asked_until_it_is_there() {
    let room = Room::open();
    let ann = room.operator();

    room.service.kill().unwrap();

    ann.reads("banner", "No news since");
    ann.reads("title", "Pocket Curios, sale 1");
    room.service.start_again().unwrap();

    ann.reads("doorWhy", "Your session is over");
    ann.types("token", ann.token());
    ann.presses("Sign in");
    ann.is_in();
}

#[test]
fn a_clock_of_the_browser_that_is_wrong_changes_nothing() {
    let room = Room::open();
    // Fifty minutes fast.
    let ann = room.stranger_with(|tab| tab.prepare(&eye::clock_wrong_by(3_000_000)));
    ann.until("!document.getElementById('door').hidden");
    ann.types("token", ann.token());

    ann.presses("Sign in");

    ann.is_in();
    ann.until("/^Open\\. Ends in 5:4\\d:/.test(document.getElementById('sub').textContent)");
}

#[test]
fn over_a_slow_network_an_operator_comes_in_and_acts() {
    let room = Room::open();
    let ann = room.stranger_with(|tab| eye::has_network(tab, eye::G3));
    ann.until("!document.getElementById('door').hidden");
    ann.types("token", ann.token());
    ann.presses("Sign in");
    ann.is_in();
    ann.reads("linkText", "All well");

    ann.gives_order("Pause", "Pause sale 1?", "a look at it", "Pause the sale");

    ann.has_done("Paused sale 1. It is in effect.", "a look at it");
}
