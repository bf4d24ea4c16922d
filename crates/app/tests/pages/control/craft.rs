//! What the page costs, and where it fits.

use serde_json::json;

use super::room::Room;
use crate::{eye::fits, weight::weight_of};

/// What the room may have on the wire until it can be seen how things are, and all of it; and unpacked.
const FIRST_BYTES_MAX: usize = 55 * 1_000;
const WIRE_BYTES_MAX: usize = 70 * 1_000;
const BYTES_MAX: usize = 150 * 1_000;

#[tokio::test]
async fn the_page_is_small() {
    let room = tokio::task::spawn_blocking(Room::open).await.unwrap();

    let weight = weight_of(&room.url, &["dialog.js", "find.js", "orders.js"]).await;

    assert!(weight.files > 20, "{}", weight.files);
    assert!(weight.first <= FIRST_BYTES_MAX, "{}", weight.first);
    assert!(weight.wire <= WIRE_BYTES_MAX && weight.plain <= BYTES_MAX, "{}", weight.wire);
    tokio::task::spawn_blocking(move || drop(room)).await.unwrap();
}

#[test]
fn from_a_telephone_to_a_wall_nothing_is_cut_off() {
    let room = Room::open();
    room.hold("alice");
    let ann = room.operator();
    ann.looks_up("alice");
    ann.reads("found", "on hold");

    for width in [360, 540, 620, 768, 900, 1_100, 1_101, 1_280, 1_440, 1_920, 2_000, 2_560] {
        ann.show_as(width, 1_000, false, true);
        assert!(fits(&ann), "{width}");
        let cut = "[...document.querySelectorAll('main :is(h1, h2, button, input, .stats dd)')].filter(it => it.offsetParent && !it.closest('.scroll') && it.getBoundingClientRect().right > innerWidth).length";
        assert_eq!(ann.read(cut), 0, "{width}");
        let hidden = "(it => it.scrollWidth - it.clientWidth)(document.querySelector('.scroll'))";
        assert!(width > 780 || ann.read(hidden) == 0, "{width}: {}", ann.read(hidden));
    }
    ann.show_as(2_560, 1_440, false, true);
    assert_eq!(
        ann.read(
            "document.querySelector('.room').getBoundingClientRect().bottom <= innerHeight + 1"
        ),
        true,
        "all of it is on a wall"
    );
}

#[test]
fn the_page_asks_nobody_else_and_complains_of_nothing() {
    let room = Room::open();
    let ann = room.operator();
    ann.reads("linkText", "All well");

    let elsewhere: Vec<_> =
        ann.requests().into_iter().filter(|it| !it.starts_with(&room.url)).collect();

    assert_eq!(elsewhere, Vec::<String>::new());
    // That nobody is signed in, the page learns by asking.
    let complaints: Vec<_> =
        ann.complaints().into_iter().filter(|it| !it.contains("401")).collect();
    assert_eq!(complaints, Vec::<String>::new());
}

#[test]
fn single_keys_can_be_switched_off() {
    let room = Room::open();
    let ann = room.operator();
    ann.press("?");
    ann.is_asked("Keys");
    ann.looks("keys");
    ann.read("document.querySelector('dialog [type=checkbox]').click()");
    ann.presses("Close");
    ann.until("!document.querySelector('dialog[open]')");

    ann.press("p");
    ann.reload();
    ann.is_in();
    ann.press("p");

    ann.presses("Keys");
    ann.is_asked("Keys");
    assert_eq!(ann.read("document.querySelector('dialog [type=checkbox]').checked"), false);
}

#[test]
fn a_room_at_work_is_looked_at() {
    let room = Room::open();
    for user in 0..24 {
        let user = format!("user{user}");
        if user.ends_with(['3', '7']) {
            room.hold(&user)
        } else {
            room.buy(&user)
        };
    }
    let ann = room.operator_told();
    let marks = ["pause?why=pictures+did+not+load", "resume?why=they+do+now"];
    for way in marks {
        ann.asks("POST", &format!("/admin/sales/1/{way}"));
    }
    ann.remembers(&[
        (9, 1, 6),
        (8, 3, 8),
        (7, 6, 9),
        (6, 8, 9),
        (5, 11, 8),
        (4, 13, 7),
        (3, 15, 7),
        (2, 17, 6),
        (1, 19, 5),
    ]);
    ann.is_told(
        &json!({ "refused": { "sold-out": 3, "user-limit-reached": 2, "code-expired": 1 } }),
    );
    ann.reads("trail", "Resumed sale 1");

    ann.looks("open");
    ann.looks_at("salesT", "sales");
}

#[test]
fn what_was_done_in_quick_succession_is_told_where_somebody_reads() {
    let room = Room::open();
    let ann = room.operator_told();
    for way in ["pause?why=one", "resume?why=two", "pause?why=three", "resume?why=four"] {
        ann.asks("POST", &format!("/admin/sales/1/{way}"));
    }
    ann.remembers(&[(9, 1, 6), (8, 3, 8), (5, 11, 8), (0, 19, 5)]);
    let names = "[...document.querySelectorAll('#stack .marks text')].map(it => it.textContent)";
    let said = format!("{names}.map(it => it.replace(/^[0-9:]+ /, '')).join(';')");
    // What was done last is named as long as nobody reads.
    ann.until(&format!("{said} === 'Paused, ann;Resumed, ann;Paused, ann;Resumed, ann'"));

    ann.read("document.getElementById('stack').focus()");
    ann.press("Home");
    ann.until(&format!("{said} === ''"));
    let at = ann.read("(it => [it.left + 1, it.top + 90])(document.querySelector('#stack .marks line').getBoundingClientRect())");
    ann.order("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": at[0], "y": at[1] }));

    ann.until(&format!("{said} === 'Paused, ann;Resumed, ann;Paused, ann;Resumed, ann'"));
    let lines = "new Set([...document.querySelectorAll('#stack .marks text')].map(it => it.getAttribute('y'))).size";
    assert_eq!(ann.read(lines), 4);
}

#[test]
fn fields_beside_each_other_are_in_line_and_so_are_the_buttons_of_a_dialog() {
    let room = Room::open();
    let ann = room.operator();
    ann.presses("Change");
    ann.is_asked("Change sale 1");
    let tops = |of: &str| {
        ann.read(&format!(
            "new Set([{of}].map(it => Math.round(it.getBoundingClientRect().top))).size"
        ))
    };
    let (fields, named) = (
        "...['ends', 'stock'].map(it => document.querySelector(`dialog [name=${it}]`))",
        "...['ends', 'stock'].map(it => document.querySelector(`dialog [name=${it}]`).parentNode)",
    );
    assert_eq!((tops(fields), tops(named)), (1.into(), 1.into()));

    ann.show_as(360, 640, false, true);

    assert_eq!(tops("...document.querySelectorAll('#orderActs button')"), 1);
    assert!(fits(&ann));
    ann.looks("change");
}

#[test]
fn a_press_that_comes_too_early_is_seen() {
    let room = Room::open();
    let ann = room.operator();
    ann.reads("health", "No failure seen since");
    ann.read("new MutationObserver(() => { const act = document.getElementById('act'); if (act && window.isSeen === undefined) { act.click(); window.isSeen = act.classList.contains('early'); } }).observe(document.getElementById('dialog'), { attributes: true, childList: true })");

    ann.presses("Pause");

    ann.is_asked("Pause sale 1?");
    ann.until("window.isSeen === true");
    assert_eq!(ann.read("document.getElementById('wrong').hidden"), true, "nothing was sent");
}
