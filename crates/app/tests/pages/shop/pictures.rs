//! What is shown of a unit: its product's picture, or its own.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::visitor::{Shop, Visitor};
use crate::eye::ago_s;

/// A PNG of twelve points in a row.
const WIDE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAwAAAABCAIAAABlidhuAAAAEUlEQVR42mPQiDrxbIsNfhIAVmQSwVu+jfgAAAAASUVORK5CYII=";

/// One sale, of lamps; `more` is said of these.
fn lamps(more: &[&str]) -> Shop {
    let lamp = [&["products", "put", "--sku", "lamp", "--name", "Lamp"], more].concat();
    let starts_at = ago_s(60);
    let sale =
        ["sales", "schedule", "--product", "lamp", "--starts-at", &starts_at, "--lasts", "5h"];
    Shop::with(&[], &[&lamp, &sale])
}

/// Whether a picture is all there, with the bar below it and not over it.
fn is_whole(visitor: &Visitor, picture: &str, bar: &str) {
    // A card that is being turned has no size.
    visitor.until(&format!("getComputedStyle(document.getElementById('{picture}')).objectFit === 'contain' && document.getElementById('{picture}').offsetHeight > 100 && document.getElementById('{bar}').offsetTop >= document.getElementById('{picture}').offsetTop + document.getElementById('{picture}').offsetHeight - 1"));
}

#[test]
fn a_picture_of_a_product_is_shown_whole_whatever_its_shape() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wide.png");
    std::fs::write(&file, BASE64.decode(WIDE).unwrap()).unwrap();
    let shop = lamps(&["--image", file.to_str().unwrap()]);
    let buyer = shop.buyer("ada");
    buyer.sees("open");
    buyer.until("document.getElementById('backPic').naturalWidth === 12");
    is_whole(&buyer, "backPic", "sign");
    buyer.looks("pictured");

    buyer.presses("Get one");

    buyer.sees("hold");
    buyer.reads("cap", "No. 1");
    buyer.until("document.getElementById('pic').naturalWidth === 12");
    is_whole(&buyer, "pic", "cap");
    buyer.looks("pictured-hold");
}

#[test]
fn a_unit_of_a_product_without_a_picture_has_one_of_its_own_and_no_other_name_in_it() {
    let shop = lamps(&[]);
    let buyer = shop.buyer("ada");
    buyer.sees("open");

    buyer.presses("Get one");

    buyer.sees("hold");
    assert_eq!((buyer.text("title"), buyer.text("cap")), ("Lamp".into(), "No. 1".into()));
    // The name is printed below the 412th of 500 points.
    for picture in ["#pic", "#shelf img"] {
        buyer.until(&format!("document.querySelector('{picture}').src.endsWith('/items/1/1.svg#svgView(viewBox(45,24,310,388))') && document.querySelector('{picture}').naturalWidth > 0"));
    }
    buyer.looks("unpictured-hold");
    buyer.reload();
    buyer.sees("hold");
    buyer.until("document.getElementById('pic').src.includes('#svgView')");
}

#[test]
fn a_generated_item_has_its_name_in_its_picture() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("ada");
    buyer.sees("open");

    buyer.presses("Get one");

    buyer.sees("hold");
    buyer.until("document.getElementById('pic').src.endsWith('/items/1/1.svg')");
    assert_eq!(buyer.read("document.getElementById('cap').hidden"), true);
}
