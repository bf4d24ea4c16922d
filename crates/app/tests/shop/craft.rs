//! What the page costs, and where it fits.

use std::{collections::BTreeMap, io::Read as _};

use flate2::read::GzDecoder;

use crate::visitor::Shop;

/// What all of the page may have, on the wire and unpacked, before the pictures.
const WIRE_BYTES_MAX: usize = 50 * 1_024;
const BYTES_MAX: usize = 92 * 1_024;

#[tokio::test]
async fn the_page_is_small() {
    let shop = tokio::task::spawn_blocking(|| Shop::open(&[])).await.unwrap();
    let http = reqwest::Client::new();
    let get = async |path: &str| {
        let request = http.get(format!("{}/{path}", shop.service.url()));
        let answer = request.header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers().contains_key("etag"), "{path}");
        let is_packed = answer.headers().contains_key("content-encoding");
        let bytes = answer.bytes().await.unwrap();
        let mut plain = Vec::new();
        if is_packed {
            GzDecoder::new(&*bytes).read_to_end(&mut plain).unwrap();
        } else {
            plain = bytes.to_vec();
        }
        (bytes.len(), plain)
    };
    let mut sizes = BTreeMap::new();
    let (wire, page) = get("").await;
    sizes.insert(String::new(), (wire, page.len()));
    let page = String::from_utf8(page).unwrap();
    let files = page.split("\"pages/").skip(1).filter_map(|it| it.split('"').next());

    for file in files.chain(["archivo.woff2"]) {
        let (wire, plain) = get(&format!("pages/{file}")).await;
        sizes.insert(file.to_owned(), (wire, plain.len()));
    }

    let (wire, plain) = sizes.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    assert!(sizes.len() > 15, "{sizes:?}");
    assert!(wire <= WIRE_BYTES_MAX && plain <= BYTES_MAX, "{wire} {plain} {sizes:?}");
    println!("{} files, {plain} bytes, {wire} on the wire: {sizes:?}", sizes.len());
}

#[test]
fn from_a_telephone_to_a_wall_nothing_is_cut_off_and_nothing_moves_after_it_was_drawn() {
    let shop = Shop::open(&[]);
    let visitor = shop.visitor();
    visitor.sees("open");

    for width in [360, 540, 768, 900, 901, 1_100, 1_440, 1_920, 2_560] {
        visitor.show_as(width, 900, false, true);
        let fits = "document.documentElement.scrollWidth <= innerWidth";
        assert_eq!(visitor.read(fits), true, "{width}");
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
