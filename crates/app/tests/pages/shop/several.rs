//! Several sales, one after the other and one beside another.

use dev_servers::Meddling;

use super::visitor::{Shop, Visitor};
use crate::eye::ago_s;

/// Two sales that are on: the first one's units are generated, the other one's are lamps.
fn beside() -> Shop {
    let starts_at = ago_s(60);
    let lamp = ["products", "put", "--sku", "lamp", "--name", "Lamp"];
    let first = ["sales", "schedule", "--starts-at", &starts_at, "--lasts", "6h"];
    let lamps =
        ["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "5h"];
    Shop::with(&[("SALE_STOCK", "20")], &[&lamp, &first, &lamps])
}

/// A sale that ends in some seconds, and one that follows it.
fn one_after_the_other() -> Shop {
    let (begun, then) = (ago_s(60), ago_s(-25));
    Shop::with(
        &[],
        &[
            &["sales", "schedule", "--starts-at", &begun, "--lasts", "80s"],
            &["sales", "schedule", "--starts-at", &then, "--lasts", "6h"],
        ],
    )
}

/// Presses a link to a place on the page.
fn follows(visitor: &Visitor, link: &str) {
    visitor.read(&format!("document.querySelector('{link}').click()"));
    visitor.waits(400);
}

/// Chooses a sale by its place among the tabs.
fn chooses(visitor: &Visitor, place: usize) {
    visitor.until("document.querySelectorAll('#sales button').length === 2");
    visitor.read(&format!("document.querySelectorAll('#sales button')[{place}].click()"));
}

#[test]
fn a_link_to_a_place_on_the_page_changes_nothing_of_what_is_shown() {
    let shop = beside();
    let buyer = shop.buyer("rupert");
    buyer.sees("open");
    chooses(&buyer, 1);
    buyer.reads("title", "Lamp");

    for link in [".tomine", ".skip"] {
        follows(&buyer, link);
        assert_eq!(buyer.text("title"), "Lamp", "{link}");
    }
    buyer.presses("Get one");
    buyer.sees("hold");
    for link in [".tomine", ".skip"] {
        follows(&buyer, link);
        buyer.sees("hold");
        assert_eq!(buyer.text("main1").get(..6), Some("Buy it"), "{link}");
    }
    buyer.reload();
    buyer.presses("Give it back");
    buyer.reads("title", "Lamp");
}

#[test]
fn whoever_stays_goes_from_one_sale_to_the_next() {
    let shop = one_after_the_other();
    let buyer = shop.buyer("sam");
    let chosen = Visitor::stranger();
    chosen.open(&format!("{}/#sale=1", shop.service.url()));
    buyer.sees("open");

    buyer.until("fetch('/sales/1').then(it => it.json()).then(it => it.state === 'ended')");

    // Who came for the first one is told, and asked.
    chosen.sees("ended");
    assert!(!chosen.text("note").contains("by itself"), "{}", chosen.text("note"));
    chosen.looks("chosen-ended");
    chosen.presses("Show what is on");
    buyer.until("fetch('/sales/2').then(it => it.json()).then(it => it.state === 'open')");
    for it in [&buyer, &chosen] {
        it.sees("open");
        assert_eq!(it.read("location.hash"), "");
    }
    buyer.presses("Get one");
    buyer.sees("hold");
    assert_eq!(buyer.kept()[0]["sale"], 2);
}

#[test]
fn whoever_chooses_what_is_on_anyway_goes_on_with_whatever_is() {
    let shop = beside();
    let visitor = shop.visitor();
    visitor.sees("open");
    chooses(&visitor, 1);
    visitor.reads("title", "Lamp");
    assert_eq!(visitor.read("location.hash"), "#sale=2");

    chooses(&visitor, 0);

    visitor.reads("title", "Pocket Curios");
    assert_eq!(visitor.read("location.hash"), "");
}

#[test]
fn a_sale_that_is_not_known_is_named() {
    let shop = beside();
    let visitor = Visitor::stranger();
    visitor.open(&format!("{}/#sale=999", shop.service.url()));

    visitor.sees("none");

    visitor.reads("title", "There is no sale 999");
    visitor.looks("unknown-sale");
    visitor.presses("Show what is on");
    visitor.sees("open");
}

#[test]
fn an_answer_of_a_sale_that_is_not_shown_any_more_is_not_shown() {
    let shop = beside();
    let visitor = Visitor::stranger();
    // Looks at the first sale come late.
    visitor.prepare("{ const real = window.fetch; window.fetch = async (path, ...of) => { const it = await real(path, ...of); if (path === 'sales/1') { window.looked = 1; await new Promise(done => setTimeout(done, 1_500)); } return it; }; }");
    visitor.open(shop.service.url());
    visitor.sees("open");
    visitor.asks("POST", "/checkout?user_id=eve&id=1");
    for n in 0..19 {
        visitor.asks("POST", &format!("/checkout?user_id=eve{n}&id=1"));
    }
    visitor.sees("waiting");
    visitor.presses("Look again now");
    visitor.until("window.looked === 1");

    chooses(&visitor, 1);

    visitor.reads("title", "Lamp");
    visitor.waits(2_500);
    assert_eq!(visitor.text("title"), "Lamp");
}

#[test]
fn what_everybody_would_ask_as_a_sale_opens_each_asks_a_while_later() {
    let soon = ago_s(-20);
    let shop = Shop::with(&[], &[&["sales", "schedule", "--starts-at", &soon, "--lasts", "6h"]]);
    let visitor = Visitor::stranger();
    // Chance has this one come late.
    visitor.prepare("Math.random = () => .9");
    visitor.open(shop.service.url());
    visitor.sees("before");
    visitor.until("performance.getEntriesByType('resource').filter(it => it.name.includes('/sales?')).length >= 3");
    let before = visitor.has_asked("/sales?");

    visitor.sees("open");

    visitor.waits(4_000);
    assert_eq!(visitor.has_asked("/sales?"), before);
    visitor.until(&format!("performance.getEntriesByType('resource').filter(it => it.name.includes('/sales?')).length >= {}", before + 3));
}

#[test]
fn a_unit_that_is_asked_for_is_of_the_sale_and_for_the_name_on_the_page() {
    let shop = beside();
    let buyer = shop.buyer("cleo");
    buyer.sees("open");
    buyer.meddle("*/checkout*", Meddling::LoseAnswers);
    buyer.presses("Get one");
    buyer.reads("msg", "You cannot get two by it");
    chooses(&buyer, 1);
    buyer.reads("title", "Lamp");
    buyer.let_be();

    buyer.presses("Get one");

    buyer.sees("hold");
    // And what was asked for in the other sale is asked for again, under its own name.
    buyer.until("document.getElementById('mineSum').textContent === '0 bought, 2 on hold'");
    let kept = buyer.kept();
    let mut sales: Vec<_> = kept.iter().map(|it| it["sale"].as_i64().unwrap()).collect();
    sales.sort_unstable();
    assert_eq!((sales, buyer.text("title").contains("Lamp")), (vec![1, 2], true));
}

#[test]
fn whoever_looks_at_a_sale_stays_there_whatever_another_tab_gets() {
    let shop = beside();
    let buyer = shop.buyer("dan");
    buyer.sees("open");
    let other = buyer.another_tab(&shop);
    other.sees("open");
    chooses(&other, 1);
    other.reads("title", "Lamp");

    buyer.presses("Get one");

    buyer.sees("hold");
    other.reads("mineSum", "1 on hold");
    other.waits(500);
    other.sees("open");
    assert_eq!(other.text("title"), "Lamp");
    other.reload();
    other.reads("title", "Lamp");
    other.waits(1_500);
    other.sees("open");
}

#[test]
fn what_has_a_price_is_never_said_to_cost_nothing() {
    let starts_at = ago_s(60);
    let shop = Shop::with(
        &[("SALE_STOCK", "20")],
        &[
            &[
                "products",
                "put",
                "--sku",
                "clock",
                "--name",
                "Clock",
                "--price",
                "8900",
                "--currency",
                "EUR",
            ],
            &["sales", "schedule", "--starts-at", &starts_at, "--lasts", "6h"],
            &[
                "sales",
                "schedule",
                "--product",
                "clock",
                "--starts-at",
                &starts_at,
                "--lasts",
                "5h",
            ],
        ],
    );
    let buyer = shop.buyer("eva");
    buyer.sees("open");
    chooses(&buyer, 1);
    buyer.reads("title", "Clock");
    assert!(!buyer.text("note").contains("costs nothing but"), "{}", buyer.text("note"));
    buyer.presses("Get one");
    buyer.reads("note", "Buying is final and costs €89.00.");
    buyer.looks("priced");

    // The other sale's units have none.
    chooses(&buyer, 0);
    buyer.reads("title", "Pocket Curios");
    buyer.read("document.querySelector('#shelf button').click()");

    buyer.reads("note", "Buying is final and costs €89.00.");
    buyer.presses("Buy it");
    buyer.reads("slip", "€89.00");
}
