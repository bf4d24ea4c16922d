//! What is looked up, and the picture of a sale.

use super::room::Room;
use crate::eye::ago_s;

#[test]
fn a_user_a_unit_and_a_code_are_found_with_what_became_of_them() {
    let room = Room::open();
    let (bought, held) = (room.buy("mira"), room.hold("mira"));
    let ann = room.operator();

    ann.press("/");
    ann.type_text("mira");
    ann.press("Enter");
    ann.reads("found", "1 bought and 1 on hold.");
    ann.reads("found", &bought);
    assert!(!ann.text("found").contains(&held), "it can be redeemed");
    ann.until("document.querySelector('#found img')?.naturalWidth > 0");
    ann.looks_at("found", "user");
    ann.presses("All that they asked for");
    ann.reads("found", "Unit 2 of sale 1: on hold until");

    ann.looks_up("1/2");
    ann.reads("found", "On hold for mira until");
    ann.looks_at("found", "unit");
    ann.looks_up(&bought);
    ann.reads("found", "Put on hold for mira");
    ann.reads("found", "Bought by mira");
    ann.looks_at("found", "code");
    for (sought, says) in [
        ("1/999", "No unit 1/999"),
        ("7/1", "There is no sale 7."),
        ("no body", "Nothing known of “no body”"),
        ("nobody", "Has nothing on hold"),
    ] {
        ann.looks_up(sought);
        ann.reads("found", says);
    }
    ann.looks_at("found", "nothing");
}

#[test]
fn a_hold_is_released_from_wherever_it_is_seen_and_its_code_is_not() {
    let room = Room::open();
    let codes = ["leo", "mira", "nick"].map(|user| (room.hold(user), user));
    let ann = room.operator();

    for ((code, user), (sought, unit, found)) in codes.iter().zip([
        ("leo", 1, "0 bought and 1 on hold."),
        ("1/2", 2, "On hold for mira until"),
        (codes[2].0.as_str(), 3, "On hold for nick until"),
    ]) {
        ann.looks_up(sought);
        ann.reads("found", found);
        let title = format!("Release unit {unit} of sale 1?");
        let why = format!("asked by mail, {user}");
        ann.presses("Release the hold");
        ann.is_asked(&title);
        ann.reads("dialog", &format!("{user} can no longer buy it"));
        assert!(unit == 3 || !ann.text("found").contains(code), "it can be redeemed");
        ann.types("why", &why);
        if unit == 1 {
            ann.looks("release");
        }
        ann.presses("Release the hold");

        ann.has_done(&format!("Released unit {unit} of sale 1"), &why);
        assert_eq!(room.buyers_ask("GET", &format!("/checkouts/{code}"))["state"], "released");
    }
    // What was looked up is so no more, and that is seen.
    ann.reads("found", "Given back, by its buyer or an operator");
    ann.until("![...document.querySelectorAll('#found button')].some(it => it.innerText.startsWith('Release'))");
}

#[test]
fn a_hold_that_somebody_else_has_by_now_is_not_released() {
    let room = Room::with(&[
        &["sales", "schedule", "--starts-at", &ago_s(600), "--lasts", "6h"],
        &["sales", "change", "1", "--stock", "1"],
    ]);
    let code = room.hold("leo");
    let ann = room.operator();
    ann.looks_up("leo");
    ann.presses("Release the hold");
    ann.is_asked("Release unit 1 of sale 1?");
    ann.types("why", "asked by mail");
    room.buyers_ask("DELETE", &format!("/checkout?code={code}"));
    let code = room.hold("mira");

    ann.presses("Release the hold");

    ann.reads("stand", "Unit 1 of sale 1 is not on hold for leo; nothing was done");
    assert_eq!(room.buyers_ask("GET", &format!("/checkouts/{code}"))["state"], "held");
    assert!(ann.orders("hold-released").is_empty());
}

#[test]
fn a_purchase_is_cancelled_for_a_reason_that_its_buyer_reads() {
    let room = Room::open();
    let code = room.buy("leo");
    let ann = room.operator();
    ann.looks_up("leo");
    ann.presses("Cancel the purchase");
    ann.is_asked("Cancel the purchase of");
    ann.reads("dialog", "the buyer reads it");
    ann.presses("Cancel the purchase");
    ann.reads("wrong", "Say why, in a few words.");
    ann.types("why", "the frame is cracked");
    ann.looks("cancel");

    ann.presses("Cancel the purchase");

    ann.has_done("Cancelled the purchase of unit 1 of sale 1", "the frame is cracked");
    ann.reads("trail", "Cancelled a purchase, unit 1 of sale 1");
    let receipt = room.buyers_ask("GET", &format!("/purchases/{code}"));
    assert_eq!(receipt["reason"], "the frame is cracked", "{receipt}");
    ann.reads("found", "0 bought and 0 on hold; 1 bought and cancelled.");
    ann.reads("found", "“the frame is cracked”");
    ann.until("![...document.querySelectorAll('#found button')].some(it => it.innerText.startsWith('Cancel'))");
    ann.looks_up(&code);
    ann.reads("found", "Bought by leo, and cancelled.");
    ann.reads("found", "The purchase was cancelled: “the frame is cracked”");
    ann.looks_at("found", "cancelled");
    ann.looks_up("1/1");
    ann.reads("found", "leo: bought, and cancelled at");
    ann.reads("stats", "Sold\n0");
}

#[test]
fn how_a_sale_went_is_read_point_by_point_with_the_keys() {
    let room = Room::open();
    room.buy("mira");
    room.buy("leo");
    let ann = room.operator_told();
    ann.remembers(&[(9, 3, 20), (8, 11, 18), (7, 20, 12), (6, 26, 12), (5, 33, 9)]);

    ann.presses("Whole sale");
    let value = "document.getElementById('stack').ariaValueText";
    ann.until(&format!("{value}.includes('sold')"));

    ann.read("document.getElementById('stack').focus()");
    ann.press("Home");

    ann.until(&format!("{value}.endsWith(': 0 sold, 0 on hold')"));
    ann.reads("stats", "At");
    ann.press("ArrowRight");
    ann.until(&format!("{value}.endsWith(': 2 sold, 0 on hold')"));
    ann.looks("read");
    ann.read("document.getElementById('stack').blur()");
    ann.reads("stats", "Sold out, at this pace");
}

#[test]
fn a_unit_on_hold_is_called_by_its_product() {
    let starts_at = ago_s(600);
    let room = Room::with(&[
        &["products", "put", "--sku", "lamp", "--name", "Lamp"],
        &["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "6h"],
    ]);
    room.hold("mira");
    let ann = room.operator();
    ann.reads("title", "Lamp");

    ann.looks_up("mira");

    ann.reads("found", "Lamp No. 1\nOn hold until");
}

#[test]
fn what_a_sale_has_is_taken_out_by_links() {
    let room = Room::open();
    room.buy("mira");
    let ann = room.operator();

    let links =
        ann.read("[...document.querySelectorAll('#takeOut a')].map(it => it.getAttribute('href'))");

    assert_eq!(links.as_array().unwrap().len(), 4);
    for link in links.as_array().unwrap() {
        let text = ann.read(&format!("fetch('{}').then(it => it.text())", link.as_str().unwrap()));
        assert!(text.as_str().unwrap().contains("mira"), "{link}");
    }
}

#[test]
fn the_link_that_skips_to_the_sale_shows_no_other() {
    let starts_at = ago_s(60);
    let room = Room::with(&[
        &["sales", "schedule", "--starts-at", &starts_at, "--lasts", "5h"],
        &["sales", "schedule", "--starts-at", &starts_at, "--lasts", "6h"],
    ]);
    let ann = room.operator();
    ann.reads("title", "sale 1");
    ann.read("location.hash = 'sale=2'");
    ann.reads("title", "sale 2");

    ann.read("document.querySelector('.skip').click()");

    ann.read("new Promise(done => setTimeout(() => done(1), 1_500))");
    assert!(ann.text("title").contains("sale 2"), "{}", ann.text("title"));
    ann.reload();
    ann.is_in();
    ann.reads("title", "sale 2");
}

#[test]
fn a_list_that_went_on_by_more_than_a_page_has_no_hole() {
    let room = Room::open();
    let ann = room.operator();
    ann.gives_order("Pause", "Pause sale 1?", "the first of all", "Pause the sale");
    ann.reads("trail", "the first of all");
    let actions: Vec<_> = (81..=100)
        .rev()
        .map(|n| serde_json::json!({ "number": n, "action": "sale-paused", "operator": "bob", "sale_id": 1, "acted_at": ago_s(1), "why": format!("act {n}") }))
        .collect();
    let page =
        serde_json::json!({ "actions": actions, "next": "/admin/actions?before=81&limit=20" });
    ann.meddle(
        "*/admin/actions?limit=20",
        dev_servers::Meddling::Answer(200, "application/json", page.to_string()),
    );

    ann.reads("trail", "act 100");

    assert!(!ann.text("trail").contains("the first of all"), "{}", ann.text("trail"));
    ann.until("!document.getElementById('trailMore').hidden");
    ann.let_be();
    ann.presses("Show older ones");
    ann.reads("trail", "the first of all");
}
