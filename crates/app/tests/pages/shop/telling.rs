//! What the page tells of what others do, and how.

use serde_json::json;

use super::visitor::{Shop, Visitor};
use crate::control::room::Room;

#[test]
fn what_was_given_back_elsewhere_is_told() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("tess");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    let code = buyer.kept()[0]["code"].as_str().unwrap().to_owned();
    buyer.asks("DELETE", &format!("/checkout?code={code}"));

    // Whoever comes back to the tab is told soon, and others within two minutes.
    buyer.read("document.dispatchEvent(new Event('visibilitychange'))");

    buyer.reads("msg", "was given back");
    buyer.sees("open");
    assert_eq!(buyer.newest_is(), "returned");
}

#[test]
fn a_limit_that_was_reached_elsewhere_ends_when_it_does() {
    let shop = Shop::open(&[("SALE_PER_USER_LIMIT", "1"), ("HOLD_TTL", "6s")]);
    let buyer = shop.buyer("uma");
    buyer.sees("open");
    buyer.asks("POST", "/checkout?user_id=uma&id=1");
    buyer.presses("Get one");
    buyer.sees("limit");

    buyer.sees("open");

    buyer.presses("Get one");
    buyer.sees("hold");
}

#[test]
fn whoever_looks_again_is_answered() {
    let shop = Shop::open(&[("SALE_STOCK", "1")]);
    let visitor = shop.visitor();
    visitor.sees("open");
    visitor.asks("POST", "/checkout?user_id=eve&id=1");
    visitor.sees("waiting");

    visitor.presses("Look again now");

    visitor.reads("msg", "Still none free");
    visitor.looks("looked-again");
    visitor.reads("say", "Still none free");
}

#[test]
fn buttons_rest_when_another_thing_is_behind_them_in_the_same_state() {
    let shop = Shop::open(&[("SALE_STOCK", "2")]);
    let buyer = shop.buyer("vic");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.presses("Buy it");
    buyer.sees("mine");
    let held = buyer.asks("POST", "/checkout?user_id=eve&id=1");
    buyer.reads("main1", "Back to the sale");
    buyer.until("!document.getElementById('act').classList.contains('rests')");
    // Somebody who was about to go back presses at the moment at which another can be had.
    buyer.read("{ const button = document.getElementById('main1'); new MutationObserver(() => { if (button.textContent === 'Get another' && !window.hasPressed) { window.hasPressed = 1; button.click(); } }).observe(button, { childList: true, characterData: true, subtree: true }); }");

    buyer.asks("DELETE", &format!("/checkout?code={}", held["code"].as_str().unwrap()));

    buyer.until("window.hasPressed === 1");
    buyer.waits(1_000);
    buyer.sees("mine");
    assert_eq!(buyer.kept().len(), 1);
}

#[test]
fn what_was_focused_stays_so_when_a_list_is_made_anew() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("wes");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.reads("no", "No. 1");
    buyer.presses("Get another");
    buyer.reads("no", "No. 2");
    for list in ["shelf", "tray"] {
        buyer.until(&format!("document.querySelectorAll('#{list} button').length >= 2"));
        buyer.read(&format!(
            "document.querySelector('#{list} button:has(img[src$=\"/1.svg\"])').focus()"
        ));

        let other = buyer.another_tab(&shop);
        other.sees("hold");
        other.presses("Get another");
        let count = other.kept().len();
        other.until("document.getElementById('no').textContent !== 'No. 1'");
        buyer.until(&format!(
            "document.querySelectorAll('#{list} button').length === {}",
            count + 1
        ));

        let focused = buyer.read("document.activeElement.querySelector('img')?.getAttribute('src')?.endsWith('/1.svg') ?? false");
        assert_eq!(focused, true, "{list}");
    }
}

#[test]
fn times_are_told_as_they_are() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");

    let said = visitor.read("import('/pages/clock.js').then(({ inWords }) => [1, 59, 60, 90, 120, 150, 300].map(inWords))");

    assert_eq!(
        said,
        json!([
            "1 second",
            "59 seconds",
            "1 minute",
            "90 seconds",
            "2 minutes",
            "2 minutes 30 seconds",
            "5 minutes"
        ])
    );
}

#[test]
fn on_a_telephone_squares_are_as_many_units_as_is_said_and_the_time_can_be_heard() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("xeno");
    buyer.sees("open");
    buyer.show_as(360, 760, false, true);
    let units = buyer.read("import('/pages/panel.js').then(it => [it.squareWords(10_000), it.squareWords(30), it.squareWords(20)])");
    assert_eq!(units, json!(["Each square is 400 units", "Each square is 1 unit", ""]));

    buyer.presses("Get one");

    buyer.sees("hold");
    let heard = buyer.read("getComputedStyle(document.getElementById('countValue')).display !== 'none' && document.getElementById('countValue').getBoundingClientRect().width <= 1");
    assert_eq!(heard, true);
}

#[test]
fn whoever_holds_enter_down_presses_once() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("yves");
    buyer.sees("open");
    buyer.until("!document.getElementById('act').classList.contains('rests')");
    buyer.read("document.getElementById('main1').focus()");
    let key = |is_repeated: bool| {
        buyer.order("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r", "autoRepeat": is_repeated }));
    };

    key(false);
    for _ in 0..25 {
        buyer.waits(100);
        key(true);
    }

    buyer.sees("hold");
    let sale = buyer.asks("GET", "/sales/current");
    assert_eq!((&sale["held"], &sale["sold"]), (&1.into(), &0.into()));
}

#[test]
fn whose_button_is_gone_is_at_the_main_one() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("zoe");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.until("!document.getElementById('act').classList.contains('rests')");
    buyer.read("document.getElementById('sec1').focus()");

    buyer.press("Enter");

    buyer.reads("msg", "You gave");
    buyer.waits(500);
    assert_eq!(buyer.read("document.activeElement.id"), "main1");
}

#[test]
fn what_operators_do_to_a_unit_its_buyer_is_told_with_the_reason() {
    let room = Room::open();
    let ann = room.operator();
    let buyer = Visitor::stranger();
    buyer.open(room.service.url());
    buyer.is_called("abe");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.presses("Buy it");
    buyer.sees("mine");
    let code = buyer.kept()[0]["code"].as_str().unwrap().to_owned();
    let order = |method: &str, path: &str, body: &str| {
        ann.read(&format!("fetch('{path}', {{ method: '{method}', headers: {{ 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }}, body: {body} }}).then(it => it.status)"))
    };

    let why = "JSON.stringify({ why: 'A crack in the glaze' })";
    assert_eq!(order("POST", &format!("/admin/purchases/{code}/cancel"), why), 200);
    buyer.read("document.dispatchEvent(new Event('visibilitychange'))");

    buyer.reads("msg", "The shop cancelled your purchase of");
    buyer.reads("msg", "A crack in the glaze");
    buyer.reads("shelf", "A crack in the glaze");
    buyer.sees("open");
    buyer.looks("cancelled");
    buyer.presses("Get one");
    buyer.sees("hold");
    let unit = buyer.kept()[0]["unit"].clone();
    assert_eq!(
        order(
            "DELETE",
            &format!("/admin/sales/1/units/{unit}/hold?user_id=abe&why=a+mistake"),
            "undefined"
        ),
        200
    );
    buyer.read("document.dispatchEvent(new Event('visibilitychange'))");
    buyer.reads("msg", "was given back, by the shop or by you elsewhere");
}

#[test]
fn whoever_is_here_while_a_sale_is_paused_is_told_and_goes_on_when_it_does() {
    let room = Room::open();
    let ann = room.operator();
    let (buyer, other) = (Visitor::stranger(), Visitor::stranger());
    for (it, name) in [(&buyer, "abe"), (&other, "bea")] {
        it.open(room.service.url());
        it.is_called(name);
        it.sees("open");
    }
    buyer.presses("Get one");
    buyer.sees("hold");

    ann.gives_order("Pause", "Pause sale 1?", "a look at it", "Pause the sale");

    other.sees("paused");
    other.reads("lead", "can be bought as usual");
    other.looks("paused");
    buyer.reads("eyebrow", "The sale is paused, but this one you can buy.");
    buyer.presses("Buy it");
    buyer.sees("mine");
    ann.gives_order("Resume", "Resume sale 1?", "it is well", "Resume the sale");
    other.sees("open");
}
