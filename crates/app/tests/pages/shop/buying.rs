//! The ways a buyer goes.

use super::visitor::{Shop, Visitor};
use crate::eye::ago_s;

#[test]
fn whoever_gives_no_name_is_asked_for_one() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");

    visitor.presses("Get one");

    visitor.reads("userErr", "Type a name first");
    assert_eq!(visitor.read("document.activeElement.id"), "user");
    visitor.type_text("no blanks");
    visitor.reads("userErr", "only, please");
    visitor.looks("no-name");
    assert!(visitor.kept().is_empty());
}

#[test]
fn several_holds_lie_in_a_tray_and_the_limit_is_told() {
    let shop = Shop::open(&[("SALE_PER_USER_LIMIT", "3")]);
    let buyer = shop.buyer("frank");
    buyer.sees("open");
    buyer.presses("Get one");
    for n in 2..=3 {
        buyer.presses("Get another");
        buyer.reads("no", &format!("No. {n}"));
    }
    buyer.until("document.querySelectorAll('#tray button').length === 3");
    buyer.looks("holds");

    for _ in 0..3 {
        buyer.presses("Buy it");
        buyer.sees("mine");
        if buyer.kept().iter().any(|it| it["is"] == "held") {
            buyer.read("document.querySelector('#shelf button').click()");
            buyer.sees("hold");
        }
    }
    buyer.presses("Back to the sale");

    buyer.sees("limit");
    buyer.looks("limit");
    assert_eq!(buyer.text("mineSum"), "3 bought, 0 on hold");
}

#[test]
fn before_it_opens_the_page_says_when() {
    let later = ago_s(-3_000);
    let shop = Shop::with(&[], &[&["sales", "schedule", "--starts-at", &later, "--lasts", "1h"]]);
    let visitor = shop.visitor();

    visitor.sees("before");

    visitor.until(
        "/^(4[0-9]|50):[0-5][0-9]$/.test(document.getElementById('countValue').textContent)",
    );
    assert_eq!(visitor.read("document.querySelectorAll('#act button:not([hidden])').length"), 0);
    visitor.looks("before");
}

#[test]
fn a_sale_begins_by_itself() {
    let soon = ago_s(-20);
    let shop = Shop::with(&[], &[&["sales", "schedule", "--starts-at", &soon, "--lasts", "6h"]]);
    let buyer = shop.buyer("heidi");

    buyer.sees("open");

    buyer.presses("Get one");
    buyer.sees("hold");
    assert_eq!(buyer.complaints(), Vec::<String>::new());
}

#[test]
fn what_is_on_hold_when_a_sale_ends_can_be_bought_after_it() {
    let before = ago_s(60);
    let shop =
        Shop::with(&[], &[&["sales", "schedule", "--starts-at", &before, "--lasts", "100s"]]);
    let buyer = shop.buyer("heidi");
    let other = Visitor::stranger();
    other.open(&format!("{}/#sale=1", shop.service.url()));
    buyer.sees("open");
    buyer.presses("Get one");

    buyer.reads("eyebrow", "The sale is over, but this one you can still buy");

    other.sees("ended");
    other.reads("lead", "1 on hold can still be bought");
    buyer.presses("Buy it");
    buyer.sees("mine");
    buyer.presses("Back to the sale");
    buyer.sees("ended");
    buyer.reads("lead", "1 of 10,000 found a home.");
    other.looks("ended");
    // Whoever comes now comes for the next, and there is none.
    let late = shop.visitor();
    late.sees("none");
    late.looks("none");
}
