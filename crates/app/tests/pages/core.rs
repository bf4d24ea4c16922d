//! The ways that everybody goes, and what nobody may lose on them. `make test` tries these, and `make
//! test-pages` all.

use dev_servers::Meddling;

use crate::{
    control::room::Room,
    eye,
    shop::visitor::{Shop, Visitor},
};

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

#[test]
fn a_double_press_does_not_buy() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("bob");
    buyer.sees("open");
    // As soon as there is a unit, whoever presses twice presses again.
    buyer.read("{ const main = document.getElementById('main'), button = document.getElementById('main1'); new MutationObserver(() => { if (main.dataset.view === 'hold' && !window.hasPressed) { window.hasPressed = button.textContent; button.click(); window.isSeen = button.classList.contains('early'); } }).observe(main, { attributes: true }); }");

    buyer.presses("Get one");

    buyer.sees("hold");
    assert!(buyer.read("window.hasPressed").as_str().unwrap().starts_with("Buy it"));
    assert_eq!(buyer.read("window.isSeen"), true, "that it came too early");
    buyer.until("!document.querySelector('.early')");
    buyer.until("!document.getElementById('act').classList.contains('rests')");
    assert_eq!(
        (buyer.text("main1").starts_with("Buy it"), &buyer.kept()[0]["is"]),
        (true, &"held".into())
    );
}

#[test]
fn a_hold_that_runs_out_is_told() {
    let shop = Shop::open(&[("HOLD_TTL", "8s")]);
    let buyer = shop.buyer("erin");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");

    buyer.reads("msg", "Time ran out for Onyx Breeze Balloon No. 1");

    buyer.sees("open");
    buyer.looks("ran-out");
    assert_eq!(buyer.kept()[0]["is"], "expired");
}

#[test]
fn a_unit_that_is_given_back_is_there_for_others() {
    let shop = Shop::open(&[("SALE_STOCK", "1")]);
    let (buyer, other) = (shop.buyer("carol"), shop.buyer("dave"));
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    other.sees("waiting");
    other.looks("waiting");

    buyer.presses("Give it back");

    buyer.reads("msg", "You gave Onyx Breeze Balloon No. 1 back");
    buyer.looks("given-back");
    other.sees("open");
    other.presses("Get one");
    other.sees("hold");
    other.presses("Buy it");
    other.sees("mine");
    buyer.sees("soldout");
    buyer.looks("sold-out");
}

#[test]
fn two_tabs_agree() {
    let shop = Shop::open(&[]);
    let one = shop.buyer("grace");
    one.sees("open");
    let two = one.another_tab(&shop);
    two.sees("open");
    assert_eq!(two.read("document.getElementById('user').value"), "grace");

    one.presses("Get one");

    two.sees("hold");
    two.presses("Buy it");
    one.sees("mine");
    assert_eq!(one.kept(), two.kept());
    assert_eq!(one.text("no"), "No. 1");
}

#[test]
fn a_reload_in_mid_hold_loses_nothing_whatever_the_clock_of_the_browser_says() {
    let shop = Shop::open(&[]);
    // An hour slow, and an hour fast.
    for (user, ms) in [("ivan", -3_600_000), ("ines", 3_600_000)] {
        let buyer = Visitor::stranger();
        buyer.prepare(&eye::clock_wrong_by(ms));
        buyer.open(shop.service.url());
        buyer.is_called(user);
        buyer.sees("open");
        buyer.presses("Get one");
        buyer.sees("hold");

        buyer.reload();

        buyer.sees("hold");
        buyer.until("/^4:[0-5][0-9]$/.test(document.getElementById('countValue').textContent)");
        buyer.presses("Buy it");
        buyer.sees("mine");
    }
}

#[test]
fn an_answer_to_a_checkout_that_got_lost_is_asked_for_again_and_one_unit_comes() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("karl");
    buyer.sees("open");
    buyer.meddle("*/checkout*", Meddling::LoseAnswers);
    buyer.presses("Get one");
    buyer.reads("msg", "You cannot get two by it");
    buyer.looks("lost-checkout");
    buyer.let_be();

    // A reload in between forgets nothing.
    buyer.reload();

    buyer.sees("hold");
    let sale = buyer.asks("GET", "/sales/current");
    assert_eq!((&sale["held"], buyer.kept().len()), (&1.into(), 1));
}

#[test]
fn an_answer_to_a_purchase_that_got_lost_is_asked_for_again_and_is_the_receipt() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("laura");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.meddle("*/purchase*", Meddling::LoseAnswers);
    buyer.presses("Buy it");
    buyer.reads("msg", "You cannot buy it twice");
    buyer.until("document.querySelectorAll('#act button:not([hidden])').length === 1");
    buyer.looks("unsure");
    buyer.let_be();

    buyer.presses("Ask again now");

    buyer.sees("mine");
    let sale = buyer.asks("GET", "/sales/current");
    assert_eq!((&sale["sold"], &sale["held"]), (&1.into(), &0.into()));
}

#[test]
fn while_the_service_is_away_holds_stay_and_after_it_they_can_be_bought() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("mallory");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");

    shop.service.kill().unwrap();

    buyer.reads("banner", "The shop does not answer. You see how things stood at");
    assert_eq!(buyer.read("document.getElementById('main1').ariaDisabled"), "true");
    buyer.looks("away");
    shop.service.start_again().unwrap();
    buyer.reads("linkText", "Live");
    buyer.presses("Buy it");
    buyer.sees("mine");
}
