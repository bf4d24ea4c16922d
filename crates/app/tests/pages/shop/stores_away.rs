//! What buyers go through while a store of the service is away: on servers, which go one by one.

use super::visitor::Shop;
use crate::served::{postgres, redis};

#[test]
fn while_redis_is_lost_holds_can_be_bought_and_after_it_everything_is_as_it_was() {
    let shop = Shop::open_on_servers();
    let buyer = shop.buyer("alice");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.reads("no", "No. 1");

    redis(&shop.stores).kill().unwrap();

    // What was on its way at that moment may have been done; of what comes now the service knows that it was not.
    buyer.until("fetch('/checkout?user_id=eve&id=1', { method: 'POST' }).then(it => it.json()).then(it => it.may_have_been_done === false)");
    buyer.presses("Get another");
    buyer.reads(
        "msg",
        "Something in the shop is out of order, and it cannot do that just now. Nothing was taken.",
    );
    buyer.looks("no-live-store");
    let other = buyer.another_tab(&shop);
    other.sees("hold");
    other.presses("Buy it");
    other.sees("mine");
    redis(&shop.stores).start_again().unwrap();

    buyer.insists_until("hold");
    buyer.reads("no", "No. 2");
    buyer.presses("Buy it");
    buyer.sees("mine");
    buyer.reads("linkText", "Live");
    buyer.finds(2, 0);
}

#[test]
fn a_purchase_while_the_ledger_is_away_is_written_down_once_it_is_back() {
    let shop = Shop::open_on_servers();
    let buyer = shop.buyer("bob");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");

    postgres(&shop.stores).kill().unwrap();

    buyer.presses("Buy it");
    buyer.reads("msg", "ask again");
    buyer.looks("no-ledger");
    assert_eq!(buyer.kept()[0]["is"], "held");
    postgres(&shop.stores).start_again().unwrap();

    buyer.insists_until("mine");
    buyer.finds(1, 0);
}
