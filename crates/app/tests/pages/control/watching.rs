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

#[test]
fn a_page_that_is_open_for_days_forgets_the_sales_of_before() {
    let room = Room::open();
    let ann = room.operator();
    ann.reads("linkText", "All well");

    let kept = ann.read(
        "import('/pages/points.js').then(({ add, pointsOf }) => {
            const ids = Array.from({ length: 300 }, (_, i) => 1_000 + i), latency = { checkout: {} };
            for (const id of ids) add({ at: id, sales: [{ id, sold: 1, held: 0 }, { id: 999, sold: id, held: 0 }], refused: [], latency });
            const points = id => pointsOf({ id, starts: Math.max(id, 1_000) }).length;
            return [ids.filter(id => points(id)).length, points(ids.at(-1)), points(999)];
        })",
    );

    // Of those that are told again and again all is kept.
    let [sales, of_last, of_one] = [0, 1, 2].map(|place| kept[place].as_u64().unwrap());
    assert!(sales < 60 && of_last == 1 && of_one == 300, "{kept}");
}
