//! The shortest way over each page. `make test` tries these, and `make test-pages` all.

use crate::{control::room::Room, shop::visitor::Shop};

#[test]
fn from_nothing_to_a_receipt_with_the_keyboard_alone() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");
    visitor.looks("open");

    // The field, the button, and nothing but keys.
    visitor.until("document.activeElement === document.body");
    while visitor.read("document.activeElement.id") != "user" {
        visitor.press("Tab");
    }
    visitor.type_text("alice");
    visitor.press("Tab");
    visitor.until("!document.getElementById('act').classList.contains('rests')");
    visitor.press("Enter");
    visitor.sees("hold");
    visitor.reads("no", "No. 1");
    assert_eq!(visitor.read("document.activeElement.id"), "main1");
    visitor.looks("hold");
    visitor.until("!document.getElementById('act').classList.contains('rests')");
    visitor.press("Enter");
    visitor.sees("mine");
    visitor.looks("receipt");

    let kept = visitor.kept();
    let code = kept[0]["code"].as_str().unwrap();
    let receipt = visitor.asks("GET", &format!("/purchases/{code}"));
    assert_eq!(
        (kept.len(), &receipt["user_id"], &kept[0]["at"]),
        (1, &"alice".into(), &receipt["purchased_at"])
    );
    assert!(visitor.text("slip").contains(code));
    visitor.reads("say", "Yours, for good");
    assert_eq!(visitor.complaints(), Vec::<String>::new());
    let elsewhere: Vec<_> =
        visitor.requests().into_iter().filter(|it| !it.starts_with(shop.service.url())).collect();
    assert_eq!(elsewhere, Vec::<String>::new());
}

#[test]
fn a_sale_is_paused_and_goes_on_by_the_keyboard_alone() {
    let room = Room::open();
    room.buy("alice");
    room.hold("bert");
    let ann = room.operator();
    ann.press("p");
    ann.is_asked("Pause sale 1?");
    ann.reads("dialog", "1 unit stays on hold, and can be bought");
    ann.until("!document.querySelector('.rests')");
    ann.press("Enter");
    ann.reads("wrong", "Say why, in a few words.");
    ann.looks("pause");

    ann.type_text("pictures did not load");
    ann.press("Tab");
    assert_eq!(ann.read("document.activeElement.innerText"), "Leave as it is", "it comes first");
    ann.press("Tab");
    ann.press("Enter");

    ann.reads("toldText", "Paused sale 1. It is in effect.");
    ann.reads("sub", "Paused.");
    ann.reads("trail", "Paused sale 1, ann\n“pictures did not load”");
    ann.reads("acts", "Resume");
    assert_eq!(
        room.buyers_ask("POST", "/checkout?user_id=carl&id=1")["type"],
        "/problems/sale-paused"
    );
    ann.looks("paused");
    ann.press("p");
    ann.is_asked("Resume sale 1?");
    ann.type_text("they do now");
    ann.until("!document.querySelector('.rests')");
    ann.press("Enter");
    ann.reads("sub", "Open.");
    room.hold("carl");
}
