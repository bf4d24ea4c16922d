//! Orders whose answer did not come.

use dev_servers::Meddling;

use super::room::{Operator, Room};

/// Somebody who has ordered a pause whose answers are lost, or which never leaves.
fn pausing(room: &Room, meddling: Meddling) -> Operator {
    let ann = room.operator();
    ann.presses("Pause");
    ann.is_asked("Pause sale 1?");
    ann.types("why", "pictures did not load");
    ann.meddle("*/admin/sales/1/pause", meddling);
    ann.presses("Pause the sale");
    ann
}

#[test]
fn an_answer_that_got_lost_is_asked_for_again_and_the_order_is_carried_out_once() {
    let room = Room::open();
    let ann = pausing(&room, Meddling::LoseAnswers);
    ann.reads("stand", "cannot be carried out twice. We ask again in");
    ann.until("document.querySelector('[name=why]').disabled");
    ann.looks("unsure");
    ann.let_be();

    ann.asks_again();

    ann.reads("toldText", "Paused sale 1. It is in effect.");
    assert_eq!(ann.orders("sale-paused").len(), 1);
}

#[test]
fn whoever_loads_the_page_anew_meanwhile_is_told_what_came_of_it() {
    let room = Room::open();
    let ann = pausing(&room, Meddling::LoseAnswers);
    ann.reads("stand", "cannot be carried out twice");
    ann.let_be();

    ann.reload();

    ann.reads("toldText", "Paused sale 1, as you ordered before.");
    assert_eq!(ann.orders("sale-paused").len(), 1);
}

#[test]
fn what_was_not_done_before_a_reload_is_done_only_by_whoever_says_so_again() {
    let room = Room::open();
    let ann = pausing(&room, Meddling::Refuse);
    ann.reads("stand", "cannot be carried out twice");

    ann.reload();

    ann.is_asked("Was that done?");
    ann.reads("dialog", "The service has no such order so far.");
    ann.looks("was-that-done");
    assert!(ann.orders("sale-paused").is_empty());
    ann.let_be();
    ann.presses("Order it again");
    ann.reads("toldText", "Paused sale 1. It is in effect.");
    let orders = ann.orders("sale-paused");
    assert_eq!((orders.len(), &orders[0]["why"]), (1, &"pictures did not load".into()));
}

#[test]
fn whoever_stops_asking_is_told_where_to_look() {
    let room = Room::open();
    let ann = pausing(&room, Meddling::LoseAnswers);
    // Who presses no key is not heard when they press this one.
    ann.press("Tab");
    ann.press("Escape");
    ann.reads("stand", "cannot be carried out twice");

    ann.presses("Stop asking");

    ann.reads("toldText", "It is not known yet whether that was done: Paused sale 1.");
    ann.let_be();
    ann.reads("trail", "Paused sale 1");
}

#[test]
fn what_a_busy_service_did_not_do_is_ordered_again() {
    let room = Room::open();
    let busy = r#"{"type":"/problems/overloaded","title":"Overloaded","status":503,"may_have_been_done":false}"#;
    let ann = pausing(&room, Meddling::Answer(503, "application/problem+json", busy.to_owned()));
    ann.reads("stand", "Nothing was done so far.");
    ann.looks("busy");
    ann.let_be();

    ann.asks_again();

    ann.reads("toldText", "Paused sale 1. It is in effect.");
}

/// Somebody who has ordered a pause of which a proxy said nothing that can be relied on.
fn unsure(room: &Room) -> Operator {
    let page = "<html>Bad gateway</html>".to_owned();
    let ann = pausing(room, Meddling::Answer(502, "text/html", page));
    ann.reads("stand", "cannot be carried out twice");
    // No session any more, as the stream tells.
    ann.read("fetch('/admin/session', { method: 'DELETE' }).then(() => 1)");
    ann.reads("doorWhy", "it is not known whether that was done");
    ann.let_be();
    ann
}

#[test]
fn an_order_under_way_as_a_session_ends_is_looked_up_after_signing_in() {
    let room = Room::open();
    let ann = unsure(&room);

    ann.types("token", ann.token());
    ann.presses("Sign in");

    ann.is_asked("Was that done?");
    ann.presses("Order it again");
    ann.reads("toldText", "Paused sale 1. It is in effect.");
    assert_eq!(ann.orders("sale-paused").len(), 1);
}

#[test]
fn whoever_signs_in_after_another_is_told_who_ordered_and_orders_nothing_in_their_place() {
    let room = Room::open();
    let ann = unsure(&room);

    ann.types("token", room.token_of_bob());
    ann.presses("Sign in");

    ann.reads(
        "toldText",
        "It is not known whether that was done, which ann ordered before: Paused sale 1.",
    );
    ann.until("!document.querySelector('dialog[open]')");
}
