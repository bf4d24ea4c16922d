//! What a buyer goes through when something breaks.

use dev_servers::{Condition, Meddling, Proxy};

use super::visitor::{Shop, Visitor};
use crate::eye;

#[test]
fn what_became_of_a_hold_meanwhile_is_known_after_a_reload() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("judy");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.reads("no", "No. 1");
    buyer.presses("Get another");
    buyer.reads("no", "No. 2");
    let codes: Vec<_> =
        buyer.kept().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect();
    buyer.asks("POST", &format!("/purchase?code={}", codes[0]));
    buyer.asks("DELETE", &format!("/checkout?code={}", codes[1]));

    buyer.reload();

    buyer.reads("mineSum", "1 bought, 0 on hold");
    let kept = buyer.kept();
    assert_eq!((&kept[0]["is"], &kept[1]["is"]), (&"bought".into(), &"returned".into()));
}

#[test]
fn an_answer_to_a_unit_given_back_that_got_lost_is_asked_for_again() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("kim");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    buyer.meddle("*/checkout*", Meddling::LoseAnswers);
    buyer.presses("Give it back");
    buyer.reads("msg", "We do not know yet whether it was given back. It is safe to ask again");
    buyer.let_be();

    buyer.presses("Ask again now");

    buyer.sees("open");
    let sale = buyer.asks("GET", "/sales/current");
    assert_eq!((&sale["held"], &buyer.kept()[0]["is"]), (&0.into(), &"returned".into()));
}

#[test]
fn what_is_on_hold_can_be_bought_from_a_shop_that_is_too_busy_to_tell_how_it_goes() {
    let shop = Shop::open(&[]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let network = runtime.block_on(Proxy::to(shop.service.port())).unwrap();
    let buyer = Visitor::stranger();
    buyer.open(&format!("http://127.0.0.1:{}", network.port()));
    buyer.is_called("rita");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");
    let busy = r#"{"type":"/problems/overloaded","title":"Overloaded","status":503,"may_have_been_done":false}"#;
    // The stream, and how the sale stands.
    buyer.meddle("*/s*", Meddling::Answer(503, "application/problem+json", busy.to_owned()));

    network.cut();

    buyer.reads("linkText", "Coming back");
    buyer.presses("Buy it");
    buyer.sees("mine");
}

#[test]
fn a_stream_that_breaks_is_taken_up_again_and_nothing_of_it_is_missing() {
    let shop = Shop::open(&[("SALE_STOCK", "5")]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let network = runtime.block_on(Proxy::to(shop.service.port())).unwrap();
    let (behind, beside) = (Visitor::stranger(), shop.visitor());
    behind.open(&format!("http://127.0.0.1:{}", network.port()));
    behind.reads("linkText", "Live");

    network.set_condition(Condition::Blocked);
    network.cut();
    behind.reads("linkText", "No answer");
    beside.asks("POST", "/checkout?user_id=olivia&id=1");
    network.set_condition(Condition::Good);

    behind.reads("linkText", "Live");
    behind.reads("leftN", "4");
}

#[test]
fn whoever_is_told_that_it_is_busy_is_asked_for_again() {
    let shop = Shop::open(&[]);
    let buyer = shop.buyer("niaj");
    buyer.sees("open");
    let busy = r#"{"type":"/problems/overloaded","title":"Overloaded","status":503,"may_have_been_done":false}"#;
    buyer.meddle("*/checkout*", Meddling::Answer(503, "application/problem+json", busy.to_owned()));
    buyer.presses("Get one");
    buyer.reads("msg", "Nothing was taken. We ask again in");
    buyer.looks("busy");
    buyer.let_be();

    buyer.presses("Ask again now");

    buyer.sees("hold");
}

#[test]
fn a_stream_that_says_nonsense_is_left_for_looks_every_few_seconds() {
    let shop = Shop::open(&[("SALE_STOCK", "5")]);
    let buyer = Visitor::stranger();
    let nonsense = "event: sale\ndata: {\"id\":\"<b>\",\"stock\":-1}\n\n".repeat(4);
    buyer.meddle("*/stream*", Meddling::Answer(200, "text/event-stream", nonsense));

    buyer.open(shop.service.url());

    buyer.sees("open");
    buyer.reads("leftN", "5");
    buyer.asks("POST", "/checkout?user_id=olivia&id=1");
    buyer.reads("leftN", "4");
    buyer.reads("linkText", "Coming back");
    buyer.let_be();
    buyer.reads("linkText", "Live");
}

#[test]
fn over_a_slow_network_and_after_none_at_all_a_buyer_buys() {
    let shop = Shop::open(&[]);
    let buyer = Visitor::stranger();
    eye::has_network(&buyer, eye::G3);
    buyer.open(shop.service.url());
    buyer.is_called("trent");
    buyer.sees("open");
    buyer.presses("Get one");
    buyer.sees("hold");

    eye::has_network(&buyer, eye::NONE);
    buyer.read("dispatchEvent(new Event('offline'))");
    buyer.reads("banner", "You are offline. You see how things stood at");
    buyer.looks("offline");
    eye::has_network(&buyer, eye::GOOD);
    buyer.read("dispatchEvent(new Event('online'))");

    buyer.reads("linkText", "Live");
    buyer.presses("Buy it");
    buyer.sees("mine");
}
