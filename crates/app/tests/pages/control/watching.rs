//! How a sale goes, as it happens.

use super::room::Room;

#[test]
fn what_buyers_do_is_seen_within_seconds() {
    let room = Room::open();
    let ann = room.operator();
    ann.reads("stats", "Free\n100");
    ann.reads("health", "Ledger");
    ann.reads("linkText", "All well");

    for user in ["alice", "bert", "carl"] {
        room.buy(user);
    }
    room.hold("alice");
    assert_eq!(room.buyers_ask("POST", "/checkout?user_id=alice&id=77")["status"], 404);

    ann.reads("stats", "Sold\n3");
    ann.reads("stats", "On hold\n1");
    ann.until("[...document.querySelectorAll('#refused tr')].some(it => it.innerText.startsWith('No such sale') && it.lastChild.innerText === '1')");
    room.buy("dora");
    ann.until("!/–/.test(document.getElementById('speedStats').innerText.split('\\n')[1])");
    ann.until("document.querySelector('#stack .sold').getAttribute('d').length > 10");
    ann.until("document.querySelector('#flow .first').getAttribute('d').length > 10");
}

#[test]
fn pages_of_buyers_that_are_open_are_counted() {
    let room = Room::open();
    let ann = room.operator();
    let buyer = crate::eye::stranger();
    buyer.open(room.service.url());
    ann.until("[...document.querySelectorAll('#health li')].some(it => it.innerText.startsWith('Viewers\\n1'))");
    ann.gives_order("Pause", "Pause sale 1?", "a look at it", "Pause the sale");
    buyer.until("document.getElementById('main').dataset.view === 'paused'");

    ann.presses("Resume");

    ann.reads("dialog", "1 page is open");
    ann.types("why", "it is well");
    ann.presses("Resume the sale");
    buyer.until("document.getElementById('main').dataset.view === 'open'");
}
