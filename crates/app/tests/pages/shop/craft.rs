//! What the page costs, and where it fits.

use super::visitor::Shop;
use crate::{eye::fits, weight::weight_of};

/// What all of the page may have, on the wire and unpacked, before the pictures. Letters take 17.5 kB of it, and the
/// programs 22: they would be 16 in one file, and 19 in Brotli, of which there would be a step to build the page.
const WIRE_BYTES_MAX: usize = 49 * 1_000;
const BYTES_MAX: usize = 92 * 1_000;

#[tokio::test]
async fn the_page_is_small() {
    let shop = tokio::task::spawn_blocking(|| Shop::open(&[])).await.unwrap();

    let weight = weight_of(shop.service.url(), &[]).await;

    assert!(weight.files > 15, "{}", weight.files);
    assert!(weight.wire <= WIRE_BYTES_MAX && weight.plain <= BYTES_MAX, "{}", weight.wire);
}

#[test]
fn from_a_telephone_to_a_wall_nothing_is_cut_off_and_nothing_moves_after_it_was_drawn() {
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
