//! What somebody with bad intentions has put where the page reads.

use dev_servers::Meddling;
use serde_json::json;

use super::visitor::Shop;
use crate::eye::ago_s;

const CODE: &str = "00000000-0196-8ef2-bb6b-149025ee2145";
const MARKUP: &str = "<img src=x onerror=window.isTaken=1>";

#[test]
fn what_is_no_unit_in_the_storage_is_passed_over() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");
    let unit = json!({ "code": CODE, "sale": 1, "user": MARKUP, "unit": 7, "name": MARKUP,
        "image": "/items/1/7.svg", "expires_at": "2099-01-01T00:00:00Z", "is": "held", "at": null, "hold_ms": 1 });
    let with = |name: &str, value: serde_json::Value| {
        let mut unit = unit.clone();
        unit[name] = value;
        unit.to_string()
    };
    let poison = [
        "{".to_owned(),
        "null".to_owned(),
        "7".to_owned(),
        "[[[]]]".to_owned(),
        with("image", "//evil.example/x.svg".into()),
        with("image", "javascript:1".into()),
        with("code", "../sales/1".into()),
        with("is", "free".into()),
        with("is", "constructor".into()),
        with("expires_at", "soon".into()),
    ];
    // Nobody says what the codes are, so what is shown is what is kept.
    visitor.meddle("*/checkouts/*", Meddling::Refuse);
    visitor.read(&format!("localStorage.setItem('flashsale.user', {})", json!(MARKUP)));
    let keep = |kept: &str| {
        visitor.read(&format!("localStorage.setItem('flashsale.unit.{CODE}', {})", json!(kept)));
        visitor.reload();
    };
    let is_harmless = || {
        assert_eq!(visitor.read("[window.isTaken ?? 0, document.getElementById('user').value, document.querySelectorAll('img[src=x]').length]"), json!([0, "", 0]));
    };
    for kept in poison {
        keep(&kept);

        visitor.sees("open");
        assert_eq!(visitor.read("document.querySelectorAll('#shelf button').length"), 0, "{kept}");
        is_harmless();
    }

    // The one that looks like a unit is shown as text, until the service says that it is none.
    keep(&unit.to_string());

    visitor.sees("hold");
    visitor.reads("title", MARKUP);
    visitor.reads("shelf", MARKUP);
    is_harmless();
    visitor.let_be();
    visitor.reload();
    visitor.sees("open");
    assert!(visitor.kept().is_empty());
}

#[test]
fn the_name_of_a_product_is_text() {
    let starts_at = ago_s(60);
    let name = "Lamp <i onmouseover=window.isTaken=1> & \"Sons\"";
    let shop = Shop::with(
        &[("SALE_STOCK", "20")],
        &[
            &[
                "products",
                "put",
                "--sku",
                "lamp",
                "--name",
                name,
                "--price",
                "1999",
                "--currency",
                "EUR",
            ],
            &["sales", "schedule", "--starts-at", &starts_at, "--lasts", "6h"],
            &["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "5h"],
        ],
    );
    let buyer = shop.buyer("rupert");
    buyer.until("document.querySelectorAll('#sales button').length === 2");
    buyer.reads("sales", name);
    assert_eq!(
        buyer.read("document.querySelector('#sales button b').textContent"),
        "Pocket Curios"
    );

    buyer.read("document.querySelectorAll('#sales button')[1].click()");

    buyer.reads("title", name);
    buyer.reads("lead", "19.99");
    buyer.looks("several");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.reads("title", name);
    assert_eq!(
        buyer.read("[window.isTaken ?? 0, document.querySelectorAll('i[onmouseover]').length]"),
        json!([0, 0])
    );
}

#[test]
fn a_page_of_a_proxy_in_the_place_of_an_answer_is_no_answer() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("sybil");
    buyer.sees("open");
    let page = format!("<html><body>{MARKUP}</body></html>");
    buyer.meddle("*/checkout*", Meddling::Answer(503, "text/html", page));

    buyer.presses("Get one");

    buyer.reads("msg", "You cannot get two by it");
    buyer.let_be();
    buyer.presses("Ask again now");
    buyer.sees("hold");
    assert_eq!(buyer.read("window.isTaken ?? 0"), 0);
}
