//! What somebody with bad intentions has put where the page reads.

use serde_json::json;

use super::room::Room;
use crate::eye::ago_s;

const MARKUP: &str = "<img src=x onerror=window.isTaken=1>";

#[test]
fn what_anybody_wrote_is_text() {
    let starts_at = ago_s(60);
    let room = Room::with(&[
        &["products", "put", "--sku", "lamp", "--name", MARKUP, "--why", MARKUP],
        &["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "5h"],
    ]);
    room.hold("mallory");
    let ann = room.operator_told();

    ann.is_told(&json!({
        "refused": { MARKUP: 7 },
        "stores": [{ "name": MARKUP, "state": "down", "why": MARKUP, "changed_at": MARKUP }],
        "processes": [{ "id": MARKUP, "address": MARKUP, "seen_at": MARKUP }],
    }));

    ann.reads("title", MARKUP);
    ann.reads("trail", MARKUP);
    ann.reads("health", MARKUP);
    ann.reads("banner", "No answer from the");
    ann.looks_up(MARKUP);
    ann.reads("found", "Nothing known of");
    ann.press("Tab");
    ann.gives_order("Pause", "Pause sale 1?", MARKUP, "Pause the sale");
    ann.reads("toldText", "Paused sale 1");
    assert_eq!(
        ann.read("[window.isTaken ?? 0, document.querySelectorAll('img[src=x]').length]"),
        json!([0, 0])
    );
}

#[test]
fn what_is_no_order_in_the_storage_is_passed_over() {
    let room = Room::open();
    let ann = room.operator_told();
    let order = json!({ "id": "8e03978e-40d5-43dd-bc93-6894a57f9324", "method": "POST", "path": "admin/sales/1/end", "deed": "Ended sale 1", "by": "ann", "says": {} });
    let with = |name: &str, value: serde_json::Value| {
        let mut order = order.clone();
        order[name] = value;
        order.to_string()
    };
    for kept in [
        "{".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        with("path", "//evil.example/x".into()),
        with("path", "https://evil.example/".into()),
        with("path", "admin/../checkout".into()),
        with("method", "TRACE".into()),
        with("id", "x".into()),
        with("by", 7.into()),
    ] {
        ann.read(&format!("sessionStorage.setItem('flashsale.order', {})", json!(kept)));

        ann.reload();

        ann.is_in();
        assert_eq!(ann.read("[!!document.querySelector('dialog[open]'), sessionStorage.getItem('flashsale.order')]"), json!([false, null]), "{kept}");
    }
    // And what looks like one is never given by itself.
    ann.read(&format!("sessionStorage.setItem('flashsale.order', {})", json!(order.to_string())));
    ann.reload();
    ann.is_asked("Was that done?");
    ann.presses("Leave as it is");
    assert_eq!(ann.asks("GET", "/admin/sales/1")["state"], "open");
}
