//! What operators see and can do while a store of the service is away: on servers, which go one by one.

use super::room::Room;
use crate::served::{postgres, redis};

#[test]
fn while_redis_is_lost_that_is_said_and_a_sale_can_be_paused() {
    let room = Room::open_on_servers();
    room.buy("alice");
    let ann = room.operator();
    ann.reads("linkText", "All well");

    redis(&room.stores).kill().unwrap();

    ann.reads("linkText", "Live store down");
    ann.reads("banner", "No answer from the live store since");
    ann.reads("banner", "Units on hold can be bought. Nothing is lost.");
    ann.gives_order("Pause", "Pause sale 1?", "Redis is gone", "Pause the sale");
    ann.has_done("Paused sale 1. It is written down", "Redis is gone");
    redis(&room.stores).start_again().unwrap();

    ann.reads("linkText", "All well");
    ann.reads("sub", "Paused.");
    ann.reads("stats", "Sold\n1");
    ann.until("document.getElementById('banner').hidden");
}

#[test]
fn an_order_while_the_ledger_is_away_is_carried_out_once_when_it_is_back() {
    let room = Room::open_on_servers();
    let ann = room.operator();
    ann.presses("Pause");
    ann.is_asked("Pause sale 1?");
    ann.types("why", "the ledger is gone");

    postgres(&room.stores).kill().unwrap();

    ann.reads("banner", "No answer from the ledger");
    ann.presses("Pause the sale");
    ann.reads("stand", "We ask again in");
    postgres(&room.stores).start_again().unwrap();

    // Whoever was told that nothing was done orders it anew.
    ann.until("(() => { if (document.getElementById('toldText').innerText.includes('Paused sale 1')) return true; document.querySelector('dialog[open] #act')?.click(); return false; })()");
    ann.has_done("Paused sale 1", "the ledger is gone");
    assert_eq!(ann.orders("sale-paused").len(), 1);
    ann.reads("linkText", "All well");
}
