//! Requests whose answers did not come, or were none.

use dev_servers::Meddling;

use super::visitor::{Shop, Visitor};
use crate::eye;

/// What a service answers that has done nothing, for too many ask.
fn busy() -> Meddling {
    let busy = r#"{"type":"/problems/overloaded","title":"Overloaded","status":503,"may_have_been_done":false}"#;
    Meddling::Answer(503, "application/problem+json", busy.to_owned())
}

/// Waits until the page knows that an attempt came to nothing.
fn until_it_may_ask_again(buyer: &Visitor) {
    buyer.until("document.getElementById('main1').textContent === 'Ask again now'");
}

#[test]
fn after_a_lost_answer_no_busy_one_says_that_nothing_was_taken_and_one_unit_comes() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("karl");
    buyer.sees("open");
    buyer.meddle("*/checkout*", Meddling::LoseAnswers);
    buyer.presses("Get one");
    buyer.reads("msg", "We do not know yet whether a unit was put on hold for you");
    buyer.meddle("*/checkout*", busy());

    // More often than whoever was only told that it is busy is asked for.
    for _ in 0..6 {
        buyer.presses("Ask again now");
        until_it_may_ask_again(&buyer);
        assert!(!buyer.text("msg").contains("Nothing was taken"), "{}", buyer.text("msg"));
    }
    buyer.reload();
    buyer.reads("msg", "We do not know yet whether a unit was put on hold for you");
    buyer.let_be();
    buyer.presses("Ask again now");

    buyer.sees("hold");
    let sale = buyer.asks("GET", "/sales/current");
    assert_eq!((&sale["held"], buyer.kept().len()), (&1.into(), 1));
}

#[test]
fn whoever_is_told_five_times_that_it_is_busy_asks_anew_when_they_like() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("niaj");
    buyer.sees("open");
    buyer.meddle("*/checkout*", busy());
    buyer.presses("Get one");

    for _ in 0..5 {
        buyer.reads("msg", "Nothing was taken. We ask again in");
        buyer.presses("Ask again now");
    }

    buyer.sees("open");
    buyer.reads("msg", "The shop is still too busy to answer you. Nothing was taken.");
    buyer.looks("given-up");
    buyer.let_be();
    buyer.presses("Get one");
    buyer.sees("hold");
    assert_eq!(buyer.kept().len(), 1);
}

#[test]
fn an_answer_without_a_unit_is_asked_for_again() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("olga");
    buyer.sees("open");
    let broken = r#"{"code":"00000000-0196-8ef2-bb6b-149025ee2145","expires_at":"soon"}"#;
    buyer.meddle("*/checkout*", Meddling::Answer(200, "application/json", broken.to_owned()));

    buyer.presses("Get one");

    buyer.reads("msg", "We do not know yet whether a unit was put on hold for you");
    buyer.let_be();
    buyer.presses("Ask again now");
    buyer.sees("hold");
    assert_eq!(buyer.complaints(), Vec::<String>::new());
}

/// Somebody with two units on hold, of whom the second is shown.
fn with_two(shop: &Shop, name: &str) -> Visitor {
    let buyer = shop.buyer(name);
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.reads("no", "No. 1");
    buyer.presses("Get another");
    buyer.reads("no", "No. 2");
    buyer
}

/// Chooses a unit on hold from the tray.
fn chooses(buyer: &Visitor, unit: u32) {
    buyer.until("document.querySelectorAll('#tray button').length === 2");
    buyer.read(&format!("document.querySelectorAll('#tray button')[{}].click()", unit - 1));
    buyer.reads("no", &format!("No. {unit}"));
}

#[test]
fn a_purchase_whose_answer_got_lost_is_asked_for_again_whatever_else_is_bought_meanwhile() {
    let shop = Shop::open(&[]);
    let buyer = with_two(&shop, "laura");
    buyer.meddle("*/purchase*", Meddling::LoseAnswers);
    buyer.presses("Buy it");
    buyer.reads("msg", "You cannot buy it twice");
    chooses(&buyer, 1);
    buyer.let_be();

    buyer.presses("Buy it");

    buyer.until("document.getElementById('mineSum').textContent === '2 bought, 0 on hold'");
    buyer.finds(2, 0);
}

#[test]
fn what_was_given_back_is_told_by_its_own_name() {
    let shop = Shop::open(&[]);
    let buyer = with_two(&shop, "lars");
    let second = buyer.text("title");
    eye::has_network(&buyer, eye::G3);
    buyer.presses("Give it back");
    buyer.reads("main1", "Giving it back");

    chooses(&buyer, 1);

    buyer.reads("msg", &format!("You gave {second} No. 2 back"));
    assert_eq!(
        (buyer.text("no").as_str(), buyer.text("main1").starts_with("Buy it")),
        ("No. 1", true)
    );
}

#[test]
fn after_a_reload_what_got_no_answer_comes_first_and_holds_before_receipts() {
    let shop = Shop::open(&[]);
    let buyer = with_two(&shop, "mia");
    buyer.presses("Buy it");
    buyer.sees("mine");
    let [bought, held] = ["bought", "held"].map(|is| {
        let kept = buyer.kept();
        let unit = kept.iter().find(|it| it["is"] == is).unwrap();
        unit["code"].as_str().unwrap().to_owned()
    });
    buyer.meddle("*/checkout*", Meddling::LoseAnswers);
    buyer.presses("Get another");
    buyer.reads("msg", "We do not know yet");
    buyer.let_be();
    let before = buyer.requests().len();

    buyer.reload();

    buyer.reads("no", "No. 3");
    buyer.until("document.getElementById('mineSum').textContent === '1 bought, 2 on hold'");
    let asked = |what: &str| buyer.requests()[before..].iter().position(|it| it.contains(what));
    buyer.waits(500);
    let [first, second, third] =
        ["/checkout?".to_owned(), format!("/checkouts/{held}"), format!("/checkouts/{bought}")]
            .map(|it| asked(&it).unwrap());
    assert!(first < second && second < third, "{first} {second} {third}");
}

#[test]
fn while_a_purchase_is_written_down_that_is_said() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("nina");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    eye::has_network(&buyer, eye::G3);

    buyer.presses("Buy it");

    buyer.reads("main1", "Buying…");
    buyer.reads("note", "Writing it down. If the answer gets lost on the way, the unit does not.");
    buyer.sees("mine");
}
