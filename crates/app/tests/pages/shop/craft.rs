//! What the page costs, and where it fits.

use super::visitor::{Shop, Visitor};
use crate::{
    eye::{self, fits},
    weight::weight_of,
};

/// What all of the page may have, on the wire and unpacked, before the pictures: what it has, and why, docs/decisions/23
/// says.
const WIRE_BYTES_MAX: usize = 55 * 1_000;
const BYTES_MAX: usize = 109 * 1_000;

#[tokio::test]
async fn the_page_is_small() {
    let shop = tokio::task::spawn_blocking(|| Shop::open(&[])).await.unwrap();

    let weight = weight_of(shop.service.url(), &[]).await;

    assert!(weight.files > 15, "{}", weight.files);
    assert!(weight.wire <= WIRE_BYTES_MAX && weight.plain <= BYTES_MAX, "{}", weight.wire);
}

#[test]
fn from_a_telephone_to_a_wall_nothing_is_cut_off() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");

    for width in [360, 540, 768, 900, 901, 1_100, 1_440, 1_920, 2_560] {
        visitor.show_as(width, 900, false, true);
        assert!(fits(&visitor), "{width}");
        let covered = "[...document.querySelectorAll('#panel :is(h1, button, input, .lead)')].filter(it => it.offsetParent && it.getBoundingClientRect().right > innerWidth).length";
        assert_eq!(visitor.read(covered), 0, "{width}");
    }
}

#[test]
fn whoever_wants_no_motion_gets_none() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");
    let moving = "['#card', '#window', '#hang'].filter(it => getComputedStyle(document.querySelector(it)).transitionProperty !== 'none').length";

    assert_eq!(visitor.read(moving), 0);
    visitor.show_as(1_280, 800, false, false);
    assert_eq!(visitor.read(moving), 3);
}

/// How much of a page may move that somebody looks at, as browsers reckon it: they call a tenth good.
const SHIFT_MAX: f64 = 0.05;

#[test]
fn nothing_moves_after_it_was_drawn() {
    let shop = Shop::open(&[]);
    for width in [360, 1_280] {
        let visitor = Visitor::stranger();
        visitor.prepare("window.shifts = []; new PerformanceObserver(all => { for (const it of all.getEntries()) if (!it.hadRecentInput) shifts.push([it.value, ...it.sources.map(of => of.node?.id || of.node?.className || of.node?.nodeName)]); }).observe({ type: 'layout-shift', buffered: true })");
        visitor.show_as(width, 800, false, true);
        eye::has_network(&visitor, eye::G3);
        visitor.open(shop.service.url());
        visitor.sees("open");
        visitor.reads("linkText", "Live");
        visitor.waits(3_000);

        let shifts = visitor.read("shifts");
        let sum: f64 = shifts.as_array().unwrap().iter().filter_map(|it| it[0].as_f64()).sum();
        assert!(sum <= SHIFT_MAX, "{width}: {sum}, {shifts}");
    }
}

#[test]
fn on_small_screens_what_can_be_pressed_is_seen() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("ada");
    buyer.sees("open");
    let out_of_sight = "[...document.querySelectorAll('#act button:not([hidden])')].filter(it => { const { top, bottom } = it.getBoundingClientRect(); return top < 0 || bottom > innerHeight; }).length";
    let is_above = |part: &str| {
        format!(
            "document.getElementById('{part}').getBoundingClientRect().bottom <= document.getElementById('act').getBoundingClientRect().top"
        )
    };
    let sizes = [(320, 568), (360, 640), (640, 400)];
    for (width, height) in sizes {
        buyer.show_as(width, height, false, true);
        buyer.read("scrollTo(0, 0)");
        assert_eq!(buyer.read(out_of_sight), 0, "open, {width}x{height}");
    }

    buyer.show_as(360, 640, false, true);
    assert_eq!(buyer.read(&is_above("user")), true, "where names are put in");

    buyer.presses("Get one");

    buyer.sees("hold");
    for (width, height) in sizes {
        buyer.show_as(width, height, false, true);
        buyer.read("scrollTo(0, 0)");
        assert_eq!(buyer.read(out_of_sight), 0, "hold, {width}x{height}");
    }
    buyer.show_as(360, 640, false, true);
    for part in ["title", "no"] {
        assert_eq!(buyer.read(&is_above(part)), true, "{part}");
    }
}
