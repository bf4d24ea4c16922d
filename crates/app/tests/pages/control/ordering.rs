//! What operators have done, and what they are told before and after it.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::json;

use super::room::Room;
use crate::eye::{self, ago_s};

#[test]
fn who_leaves_a_dialog_has_changed_nothing() {
    let room = Room::open();
    let ann = room.operator();
    ann.presses("End");
    ann.is_asked("End sale 1 now?");
    ann.press("Escape");
    ann.until("!document.querySelector('dialog[open]')");
    ann.presses("Pause");
    ann.is_asked("Pause sale 1?");

    ann.presses("Leave as it is");

    ann.until("!document.querySelector('dialog[open]')");
    assert_eq!(ann.read("document.activeElement.innerText.startsWith('Pause')"), true);
    assert_eq!(ann.asks("GET", "/admin/sales/1")["state"], "open");
}

#[test]
fn a_sale_is_ended_by_whoever_types_its_number() {
    let room = Room::open();
    room.hold("alice");
    let ann = room.operator();
    ann.press("e");
    ann.is_asked("End sale 1 now?");
    ann.reads("dialog", "99 units stay unsold");
    ann.types("why", "sold elsewhere");
    for wrong in ["", "2"] {
        ann.types("sure", wrong);
        ann.presses("End the sale for good");
        ann.reads("wrong", "Type 1, the number of the sale.");
    }
    ann.looks("end");

    ann.types("sure", "1");
    ann.presses("End the sale for good");

    ann.reads("toldText", "Ended sale 1");
    ann.reads("sub", "Ended at");
    ann.until("!document.querySelector('#acts button')");
    ann.looks("ended");
}

#[test]
fn what_stands_in_the_way_is_said_where_it_was_ordered() {
    let room = Room::open();
    for _ in 0..3 {
        room.hold("alice");
    }
    let ann = room.operator();
    ann.gives_order("Change", "Change sale 1", "fewer came", "Change the sale");
    ann.reads("wrong", "Nothing is different so far.");

    ann.types("stock", "2");
    ann.presses("Change the sale");

    ann.reads(
        "stand",
        "Unit 3 is on hold or sold: the stock can be no less than that. Nothing was done.",
    );
    ann.looks("refused");
    ann.types("stock", "150");
    ann.types("limit", "20");
    ann.presses("Change the sale");
    ann.reads("toldText", "Changed sale 1. It is in effect.");
    ann.reads("trail", "stock 100, now 150; limit 10, now 20");
    ann.reads("trail", "Change sale 1, ann\nstock 2\nRefused. Unit 3 is on hold or sold");
    let sale = ann.asks("GET", "/admin/sales/1");
    assert_eq!((&sale["stock"], &sale["per_user_limit"]), (&150.into(), &20.into()));
}

#[test]
fn whoever_was_slower_is_told_who_did_what_and_looks_again() {
    let room = Room::open();
    let (ann, rival) = (room.operator(), room.operator());
    ann.presses("End");
    ann.is_asked("End sale 1 now?");
    ann.types("why", "the lamps are broken");
    ann.types("sure", "1");
    rival.asks("POST", "/admin/sales/1/pause?why=wait");

    ann.presses("End the sale for good");

    ann.reads("stand", "ann was quicker: paused sale 1, number");
    ann.looks("quicker");
    ann.presses("Look again");
    ann.is_asked("End sale 1 now?");
    ann.until("document.querySelector('[name=why]').value === 'the lamps are broken'");
    ann.types("sure", "1");
    ann.presses("End the sale for good");
    ann.reads("sub", "Ended at");
}

#[test]
fn a_sale_is_scheduled_changed_and_called_off_before_it_opens() {
    let room = Room::open();
    let ann = room.operator();
    ann.press("n");
    ann.is_asked("Schedule a sale");
    ann.reads("dialog", "It runs beside sale 1, Pocket Curios.");
    ann.types("lasts", "0");
    ann.reads("dialog", "How many minutes does it last?");
    ann.types("lasts", "45");
    ann.types("stock", "2500");
    ann.types("why", "the second one");
    ann.looks("schedule");

    ann.presses("Schedule the sale");

    ann.reads("title", "Pocket Curios, sale 2");
    ann.reads("sub", "Opens in");
    ann.reads("stackText", "The picture starts when the sale does.");
    ann.reads("trail", "Scheduled sale 2, ann\nPocket Curios; opens ");
    ann.reads("trail", "; stock 2,500; limit 10; hold 5 min");
    ann.looks("before");
    ann.presses("Change");
    ann.is_asked("Change sale 2");
    ann.reads("dialog", "everything can be changed");
    ann.types("hold", "2.5");
    ann.types("why", "they decide fast");
    ann.presses("Change the sale");
    ann.reads("trail", "hold 5 min, now 2 min 30 s");
    ann.presses("End");
    ann.reads("dialog", "It never opens.");
    ann.types("why", "no lamps came");
    ann.types("sure", "2");
    ann.presses("End the sale for good");
    ann.reads("sub", "Ended at");
}

/// The smallest PNG there is: a point.
const POINT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

#[test]
fn a_product_is_put_with_its_picture_sold_and_archived() {
    let room = Room::open();
    let ann = room.operator();
    let dir = tempfile::tempdir().unwrap();
    let (file, large) = (dir.path().join("point.png"), dir.path().join("large.png"));
    std::fs::write(&file, BASE64.decode(POINT).unwrap()).unwrap();
    std::fs::write(&large, vec![0; 600 * 1_024]).unwrap();
    let choose = |file: &std::path::Path| {
        let input = ann.order(
            "Runtime.evaluate",
            json!({ "expression": "document.querySelector('[name=picture]')" }),
        );
        ann.order(
            "DOM.setFileInputFiles",
            json!({ "files": [file], "objectId": input["result"]["objectId"] }),
        );
    };
    ann.presses("Add a product");
    ann.is_asked("Add a product");
    ann.types("sku", "lamp 7");
    ann.types("name", "Amber Lamp");
    ann.types("price", "19.99");
    ann.types("currency", "eur");
    ann.types("why", "it is new");
    ann.presses("Add the product");
    ann.reads("wrong", "A key has letters, digits");
    ann.types("sku", "lamp-7");
    choose(&large);
    ann.reads("dialog", "It has 600 KB, and may have 512.");
    choose(&file);
    ann.reads("dialog", "point.png, 1 KB");
    ann.looks("product");

    ann.presses("Add the product");

    ann.reads("products", "Amber Lamp\nlamp-7 · €19.99");
    ann.reads("trail", "Added product lamp-7, ann\nname Amber Lamp; price €19.99; picture added");
    ann.until("document.querySelector('#products img')?.naturalWidth === 1");
    ann.presses("Schedule a sale");
    ann.is_asked("Schedule a sale");
    ann.chooses("product", "lamp-7");
    ann.types("why", "for members");
    ann.presses("Schedule the sale");
    ann.reads("title", "Amber Lamp, sale 2");
    ann.gives_order("Archive", "Archive Amber Lamp?", "it breaks", "Archive the product");
    ann.reads("products", "archived");
    ann.looks_at("products", "products");
    let product = ann.asks("GET", "/admin/products/lamp-7");
    assert_eq!(product["product"]["price"], json!({ "amount": 1_999, "currency": "EUR" }));
}

#[test]
fn a_product_that_is_changed_keeps_what_is_not_named() {
    let room = Room::with(&[&[
        "products",
        "put",
        "--sku",
        "lamp",
        "--name",
        "Lamp",
        "--metadata",
        r#"{"watts":40}"#,
    ]]);
    let ann = room.operator();
    ann.reads("products", "Lamp");

    ann.presses("Change");
    ann.is_asked("Change Lamp");
    ann.types("name", "Better Lamp");
    ann.types("price", "29");
    ann.types("currency", "EUR");
    ann.types("why", "it is");
    ann.presses("Change the product");

    ann.reads("products", "Better Lamp");
    ann.reads("trail", "Changed product lamp, ann\nname Lamp, now Better Lamp; price €29.00");
    let product = ann.asks("GET", "/admin/products/lamp")["product"].take();
    assert_eq!(product["metadata"], json!({ "watts": 40 }));
}

#[test]
fn of_several_sales_the_one_that_is_chosen_is_shown_and_ordered_about() {
    let starts_at = ago_s(600);
    let room = Room::with(&[
        &["products", "put", "--sku", "lamp", "--name", "Members’ Lamp"],
        &["sales", "schedule", "--starts-at", &starts_at, "--lasts", "5h"],
        &["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "6h"],
    ]);
    let ann = room.operator();
    ann.until("document.querySelectorAll('#tabs button').length === 2");
    ann.reads("title", "Pocket Curios, sale 1");

    ann.press("2");

    ann.reads("title", "Members’ Lamp, sale 2");
    ann.until("document.querySelector('#tabs [aria-current=true]').innerText.includes('Lamp')");
    ann.looks("several");
    ann.press("p");
    ann.is_asked("Pause sale 2?");
    ann.types("why", "a look at it");
    ann.presses("Pause the sale");
    ann.reads("tabs", "2 · paused");
    assert_eq!(ann.asks("GET", "/admin/sales/1")["state"], "open");
    ann.reload();
    ann.reads("title", "Members’ Lamp, sale 2");
}

#[test]
fn what_another_operator_does_is_seen_without_asking() {
    let room = Room::open();
    let (ann, rival) = (room.operator(), room.operator());

    rival.asks("POST", "/admin/sales/1/pause?why=wait");

    ann.reads("sub", "Paused.");
    ann.reads("trail", "Paused sale 1, ann\n“wait”");
    ann.reads("say", "Pocket Curios, sale 1: Paused");
}

#[test]
fn a_key_that_is_pressed_while_an_order_is_being_looked_up_is_no_other_order() {
    let room = Room::open();
    let ann = room.operator();
    eye::has_network(&ann, eye::G3);

    ann.press("p");
    ann.press("e");

    ann.is_asked("Pause sale 1?");
    ann.type_text("pictures");
    ann.read("new Promise(done => setTimeout(() => done(1), 2_000))");
    ann.is_asked("Pause sale 1?");
    assert_eq!(ann.read("document.querySelector('[name=why]').value"), "pictures");
}

#[test]
fn a_product_that_somebody_changed_meanwhile_is_not_overwritten() {
    let room = Room::with(&[&["products", "put", "--sku", "lamp", "--name", "Lamp"]]);
    let ann = room.operator();
    ann.reads("products", "Lamp");
    ann.presses("Change");
    ann.is_asked("Change Lamp");
    ann.types("name", "Better Lamp");
    ann.types("price", "2900");
    ann.types("currency", "EUR");
    ann.reads("dialog", "Buyers see €2,900.00.");
    ann.types("why", "it is");
    let put = ann.read("fetch('/admin/products/lamp', { method: 'PUT', headers: { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }, body: JSON.stringify({ name: 'Best Lamp', why: 'it is, too' }) }).then(it => it.ok)");
    assert_eq!(put, true);

    ann.presses("Change the product");

    ann.reads("wrong", "Somebody has changed it since this was opened");
    assert_eq!(ann.asks("GET", "/admin/products/lamp")["product"]["name"], "Best Lamp");
}

#[test]
fn a_sale_can_be_scheduled_of_any_product_however_many_there_are() {
    let names: Vec<_> = (0..23).map(|n| (format!("lamp-{n}"), format!("Lamp {n}"))).collect();
    let commands: Vec<[&str; 6]> =
        names.iter().map(|(sku, name)| ["products", "put", "--sku", sku, "--name", name]).collect();
    let commands: Vec<&[&str]> = commands.iter().map(<[&str; 6]>::as_slice).collect();
    let room = Room::with(&commands);
    let ann = room.operator();

    ann.presses("Schedule a sale");

    ann.is_asked("Schedule a sale");
    assert_eq!(ann.read("document.querySelectorAll('[name=product] option').length"), 24);
}
