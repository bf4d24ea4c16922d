//! What is looked up, and the picture of a sale.

use super::room::Room;

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

    ann.types("sought", "1/2");
    ann.press("Enter");
    ann.reads("found", "On hold for mira until");
    ann.looks_at("found", "unit");
    ann.types("sought", &bought);
    ann.press("Enter");
    ann.reads("found", "Put on hold for mira");
    ann.reads("found", "Bought by mira");
    ann.looks_at("found", "code");
    for (sought, says) in [
        ("1/999", "No unit 1/999"),
        ("7/1", "There is no sale 7."),
        ("no body", "Nothing known of “no body”"),
        ("nobody", "Has nothing on hold"),
    ] {
        ann.types("sought", sought);
        ann.press("Enter");
        ann.reads("found", says);
    }
    ann.looks_at("found", "nothing");
}

#[test]
fn a_hold_is_released_by_whoever_knows_its_code() {
    let room = Room::open();
    let code = room.hold("leo");
    let ann = room.operator();
    ann.types("sought", &code);
    ann.press("Enter");
    ann.presses("Release the hold");
    ann.is_asked("Release unit 1 of sale 1?");
    ann.types("why", "asked by mail");
    ann.looks("release");

    ann.presses("Release the hold");

    ann.reads("toldText", "Released unit 1 of sale 1");
    ann.reads("trail", "“asked by mail”");
    assert_eq!(room.buyers_ask("GET", &format!("/checkouts/{code}"))["state"], "released");
    ann.types("sought", &code);
    ann.press("Enter");
    ann.reads("found", "Given back, by its buyer or an operator");
}

#[test]
fn a_purchase_that_was_cancelled_is_found_with_its_buyer_and_why() {
    let room = Room::open();
    room.buy("mira");
    let ann = room.operator();
    ann.types("sought", "mira");
    ann.press("Enter");
    ann.reads("found", "1 bought and 0 on hold.");
    ann.presses("Cancel…");
    ann.types("why", "the parcel came back");

    ann.presses("Cancel the purchase");

    ann.reads("toldText", "Cancelled");
    ann.types("sought", "mira");
    ann.press("Enter");
    ann.reads("found", "0 bought and 0 on hold; 1 bought and cancelled.");
    ann.reads("found", "“the parcel came back”");
    assert!(!ann.text("found").contains("Cancel…"), "it is final");
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
