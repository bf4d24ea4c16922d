//! Carrying out what operators order, and when it is in effect.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{pin::Pin, sync::Arc};

use domain::{
    CheckoutRefusal, CheckoutRequest, CodeRefusal, Failure, NewSale, Origin, Sale, Services,
    Steering,
    operator::{Acted, Action, ActionId, Answer, Change, Changed, Order, Refused, RequestName},
    ports::{Operation, SaleRegister, Tasks},
    product::ProductChange,
    sale::SaleState,
};
use fakes::{AttemptRecord, Fault, Process, World};

/// A world with a sale of so many units, one a user, that two processes serve.
async fn open_world(stock: u32) -> (World, [Process; 2], Steering, Sale) {
    let world = World::new();
    let sale = world.open_sale(stock, 1);
    let services = world.services(1);
    let steering = services.steering(World::hourly());
    let processes = [Process::of(services), world.process(2)];
    for process in &processes {
        process.catalog.refresh().await.unwrap();
        process.rebuild.restore(sale.id, None).await.unwrap();
    }
    (world, processes, steering, sale)
}

fn order(number: u128, action: Action) -> Order {
    let by = "ann".parse().unwrap();
    Order { id: ActionId::drawn(number), by, why: None, request_id: None, action, if_at: None }
}

fn stock(sale: &Sale, stock: u32) -> Action {
    let change = Change::new(Changed { stock: Some(stock), ..Changed::default() }).unwrap();
    Action::ChangeSale { sale: sale.id, change }
}

/// Whether it is in effect, and whether it had been done before.
fn done(answer: &Answer) -> (bool, bool) {
    match answer {
        Answer::Done { in_effect, is_replayed, .. } => (*in_effect, *is_replayed),
        other => panic!("it is done: {other:?}"),
    }
}

#[tokio::test]
async fn what_is_answered_as_in_effect_is_so_in_every_process() {
    let (_world, [one, other], steering, sale) = open_world(1).await;
    one.take(&sale, "ann").await;
    let sold_out = other.ask(&sale, "bob").await.unwrap().unwrap_err();
    assert!(matches!(sold_out, CheckoutRefusal::SoldOut { .. }), "{sold_out:?}");

    let raised = steering.act(&order(1, stock(&sale, 3))).await.unwrap();
    assert_eq!(done(&raised), (true, false));
    other.take(&sale, "bob").await;

    let paused = steering.act(&order(2, Action::PauseSale(sale.id))).await.unwrap();
    assert_eq!(done(&paused), (true, false));
    for process in [&one, &other] {
        let refusal = process.ask(&sale, "cid").await.unwrap().unwrap_err();
        assert!(matches!(refusal, CheckoutRefusal::Paused { .. }), "{refusal:?}");
    }
}

#[tokio::test]
async fn a_load_that_does_not_come_is_not_waited_for_and_comes_later() {
    let (world, [one, _], steering, sale) = open_world(1).await;
    one.take(&sale, "ann").await;
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let late = steering.act(&order(1, stock(&sale, 2))).await.unwrap();

    assert_eq!(done(&late), (false, false));
    assert_eq!(world.ledger.sale(sale.id).unwrap().terms.stock(), 2);
    // Until then what is granted is refused by the ledger; whoever asks has it loaded.
    let again = steering.act(&order(1, stock(&sale, 2))).await.unwrap();
    assert_eq!(done(&again), (true, true));
    one.take(&sale, "bob").await;
}

#[tokio::test]
async fn an_answer_that_got_lost_is_had_by_saying_the_same_again() {
    let (world, [one, _], steering, sale) = open_world(1).await;
    world.ledger.faults().plan(Operation::Act, Fault::LoseReply);
    let pause = order(1, Action::PauseSale(sale.id));

    let lost = steering.act(&pause).await.unwrap_err();
    // Nobody raises an epoch again so soon.
    world.clock.advance_ms(1_000);
    let again = steering.act(&pause).await.unwrap();

    assert_eq!(lost.failure(), Failure::Unknown);
    assert_eq!(done(&again), (true, true));
    assert_eq!(steering.version(sale.id).await.unwrap(), 1);
    assert!(matches!(one.ask(&sale, "ann").await, Ok(Err(CheckoutRefusal::Paused { .. }))));
}

/// Tasks of the runtime that it is used on.
struct Spawned;

impl Tasks for Spawned {
    fn start(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        tokio::spawn(task);
    }
}

#[tokio::test]
async fn an_order_comes_to_its_end_although_its_giver_has_gone_away() {
    let world = World::new();
    let sale = world.open_sale(1, 1);
    let services = Services::going_on_in(Arc::new(Spawned), world.ports(1));
    let steering = services.steering(World::hourly());
    let pause = order(1, Action::PauseSale(sale.id));
    world.ledger.faults().plan(Operation::Act, Fault::Pause);

    tokio::select! {
        biased;
        answer = steering.act(&pause) => panic!("its commit is waited for: {answer:?}"),
        () = async { while world.ledger.faults().paused() == 0 { tokio::task::yield_now().await } } => {}
    }
    assert!(world.ledger.faults().resume(), "it goes on without them");
    tokio::task::yield_now().await;

    let found = steering.action(pause.id).await.unwrap().unwrap();
    assert!(matches!(found.outcome, Acted::Done(_)), "{found:?}");
}

#[tokio::test]
async fn without_the_live_store_nothing_is_done_but_what_stops() {
    let (world, [one, _], steering, sale) = open_world(1).await;
    world.live.faults().set_down(true);

    let refused = steering.act(&order(1, stock(&sale, 2))).await.unwrap_err();
    let paused = steering.act(&order(2, Action::PauseSale(sale.id))).await.unwrap();

    assert_eq!(refused.failure(), Failure::NotDone);
    assert_eq!(done(&paused), (false, false));
    let now = world.ledger.sale(sale.id).unwrap();
    assert_eq!((now.state, now.epoch.0, now.terms.stock()), (SaleState::Paused, 1, 1));
    // It is in effect as soon as the live store is back, and says so.
    world.live.faults().set_down(false);
    let again = steering.act(&order(2, Action::PauseSale(sale.id))).await.unwrap();
    assert_eq!(done(&again), (true, true));
    assert!(matches!(one.ask(&sale, "ann").await, Ok(Err(CheckoutRefusal::Paused { .. }))));
}

/// It comes back as it was and has heard of nothing, and neither has the other process.
#[tokio::test]
async fn what_was_stopped_without_the_live_store_is_granted_by_nobody_when_it_is_back() {
    for stop in [Action::PauseSale, Action::EndSale] {
        let (world, [_, other], steering, sale) = open_world(2).await;
        world.clock.advance_ms(1_000);
        world.live.faults().set_down(true);
        assert_eq!(done(&steering.act(&order(1, stop(sale.id))).await.unwrap()), (false, false));
        world.live.faults().set_down(false);
        let stopped = world.ledger.sale(sale.id).unwrap();
        assert_eq!(stopped.epoch.0, 1);

        // Until the process hears of it, which takes a second, there is no answer, and no unit.
        let early = other.ask(&sale, "ann").await.unwrap_err();
        assert_eq!(early.failure(), Failure::Rebuilding);
        assert_eq!(world.ledger.attempts(), []);
        other.catalog.refresh().await.unwrap();
        let refusal = other.ask(&sale, "ann").await.unwrap().unwrap_err();
        let key = "a-key-of-16-letters".parse().unwrap();
        let keyed = CheckoutRequest { sale: sale.id, user: "bob".parse().unwrap() };
        let with_key = other.checkout.attempt_again(keyed, &key).await.unwrap().unwrap_err();

        let ends_at = stopped.window.ends_at();
        let expected = match stopped.state {
            SaleState::Paused => CheckoutRefusal::Paused { ends_at },
            _ => CheckoutRefusal::Ended { ends_at },
        };
        assert_eq!((refusal, with_key), (expected, expected));
        let recorded = |it: &AttemptRecord| matches!(it, AttemptRecord::Refusal { refusal, .. } if *refusal == expected);
        let attempts = world.ledger.attempts();
        assert!(attempts.len() == 2 && attempts.iter().all(recorded), "{attempts:?}");
        world.clock.advance_ms(1_000);
        other.rebuild.run_asked().await.unwrap();
        // Where nobody asked for it, the comparison finds it.
        let stopped = world.ledger.sale(sale.id).unwrap();
        other.catalog.refresh().await.unwrap();
        other.reconcile.run(&stopped).await.unwrap();
        assert_eq!(other.ask(&sale, "cid").await.unwrap().unwrap_err(), expected);
        assert_eq!(world.live.free(sale.id).len(), 2);
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_shown_with_its_order() {
    let (world, _, steering, sale) = open_world(1).await;
    steering.act(&order(1, Action::PauseSale(sale.id))).await.unwrap();

    let other = steering.act(&order(1, Action::EndSale(sale.id))).await.unwrap();

    let Answer::IdUsed(record) = other else { panic!("{other:?}") };
    assert_eq!(record.order.action, Action::PauseSale(sale.id));
    assert_eq!(world.ledger.sale(sale.id).unwrap().window, sale.window);
}

#[tokio::test]
async fn an_order_is_the_same_only_if_all_of_it_is() {
    let (_world, _, steering, sale) = open_world(1).await;
    let first = order(1, Action::PauseSale(sale.id));
    let first = Order { why: "a pause".parse().ok(), ..first };
    steering.act(&first).await.unwrap();

    let by_another_request = Order { request_id: RequestName::of("r-2"), ..first.clone() };
    let again = steering.act(&by_another_request).await.unwrap();
    assert!(matches!(again, Answer::Done { is_replayed: true, .. }), "{again:?}");
    for (other, differs) in [
        (Order { why: "on a whim".parse().ok(), ..first.clone() }, "why"),
        (Order { why: None, ..first.clone() }, "why"),
        (Order { by: "bob".parse().unwrap(), ..first.clone() }, "operator"),
        (Order { if_at: Some(0), ..first.clone() }, "if_at"),
    ] {
        let told = steering.act(&other).await.unwrap();
        let Answer::IdUsed(record) = told else { panic!("{other:?}: {told:?}") };
        assert_eq!(other.differs_from(&record.order), [differs]);
    }
}

#[tokio::test]
async fn a_refusal_is_told_with_what_stands_in_the_way() {
    let (_world, [one, _], steering, sale) = open_world(3).await;
    let held = one.take(&sale, "ann").await;
    let bob = one.take(&sale, "bob").await;
    let highest = held.unit.max(bob.unit);

    let lower = order(1, stock(&sale, highest.get() - 1));
    for is_again in [false, true] {
        let Answer::Refused { record, is_replayed } = steering.act(&lower).await.unwrap() else {
            panic!("it is refused")
        };
        assert_eq!(record.outcome, Acted::Refused(Refused::StockInUse { highest }));
        assert_eq!(is_replayed, is_again);
    }
}

#[tokio::test]
async fn a_hold_that_an_operator_gives_back_is_had_again_at_once() {
    let (_world, [one, other], steering, sale) = open_world(1).await;
    let held = one.take(&sale, "ann").await;

    let released = steering.act(&order(1, Action::ReleaseHold(held.code))).await.unwrap();

    assert_eq!(done(&released), (true, false));
    other.take(&sale, "bob").await;
    one.purchase.redeem(held.code).await.unwrap().unwrap_err();
}

fn cancel(number: u128, code: domain::Code) -> Order {
    let why = Some("it came back".parse().unwrap());
    Order { why, ..order(number, Action::CancelPurchase(code)) }
}

#[tokio::test]
async fn the_unit_of_a_cancelled_purchase_is_sold_again_and_its_code_is_good_for_nothing() {
    let (world, [one, other], steering, sale) = open_world(1).await;
    let bought = one.take(&sale, "ann").await;
    one.purchase.redeem(bought.code).await.unwrap().unwrap();
    assert!(other.ask(&sale, "bob").await.unwrap().is_err());
    // The brake of rebuilds is off.
    world.clock.advance_ms(1_000);

    let answer = steering.act(&cancel(1, bought.code)).await.unwrap();

    assert_eq!(done(&answer), (true, false));
    let again = other.take(&sale, "ann").await;
    assert_eq!(again.unit, bought.unit);
    other.purchase.redeem(again.code).await.unwrap().unwrap();
    let refused = one.purchase.redeem(bought.code).await.unwrap().unwrap_err();
    let CodeRefusal::Cancelled(receipt) = &refused else { panic!("{refused:?}") };
    assert_eq!(receipt.cancelled.as_ref().unwrap().reason.as_str(), "it came back");
    assert_eq!(one.purchase.release(bought.code).await.unwrap(), Err(refused.clone()));
    assert_eq!(one.purchase.receipt(bought.code).await.unwrap().as_ref(), Ok(&**receipt));
    assert_eq!(done(&steering.act(&cancel(1, bought.code)).await.unwrap()), (true, true));
}

#[tokio::test]
async fn many_purchases_that_are_cancelled_together_are_all_on_sale_again() {
    let (world, [one, _], steering, sale) = open_world(20).await;
    let mut codes = Vec::new();
    for number in 0..20 {
        let held = one.take(&sale, &format!("user-{number}")).await;
        one.purchase.redeem(held.code).await.unwrap().unwrap();
        codes.push(held.code);
    }
    world.clock.advance_ms(1_000);

    let orders: Vec<_> = (1..).zip(&codes).map(|(number, &code)| cancel(number, code)).collect();
    let acts = orders.iter().map(|order| steering.act(order));
    let answers = futures_util::future::join_all(acts).await;

    assert!(answers.iter().all(|answer| done(answer.as_ref().unwrap()).0), "{answers:?}");
    let served = world.live.served(sale.id).unwrap();
    assert_eq!((served.free, served.sold), (20, 0));
}

#[tokio::test]
async fn a_cancellation_that_nobody_waited_for_is_on_sale_by_the_upkeep() {
    let (world, [one, _], steering, sale) = open_world(1).await;
    let bought = one.take(&sale, "ann").await;
    one.purchase.redeem(bought.code).await.unwrap().unwrap();
    world.clock.advance_ms(1_000);
    world.live.faults().plan(Operation::Load, Fault::Lose);

    let late = steering.act(&cancel(1, bought.code)).await.unwrap();

    assert_eq!(done(&late), (false, false));
    world.clock.advance_ms(1_000);
    // A grant of the old epoch, too, was refused meanwhile: that it is out of date is the order's doing.
    one.rebuild.ask(sale.id, sale.epoch);
    // Another process grants what the old epoch has, which is nothing; this one was asked to load it.
    let rebuilt = one.rebuild.run_asked().await.unwrap();
    assert_eq!((rebuilt.ordered, rebuilt.out_of_date), (vec![sale.id], Vec::new()));
    one.take(&sale, "bob").await;
}

#[tokio::test]
async fn without_the_live_store_a_purchase_is_cancelled_only_where_nothing_goes_back_on_sale() {
    let world = World::new();
    let steering = world.services(1).steering(World::hourly());
    let process = world.process(2);
    let (over, open) = (world.sale_in(0, 500, 3, 1), world.open_sale(3, 1));
    process.catalog.refresh().await.unwrap();
    let mut codes = Vec::new();
    for sale in [&over, &open] {
        let held = process.take(sale, "ann").await;
        process.purchase.redeem(held.code).await.unwrap().unwrap();
        codes.push(held.code);
    }
    world.clock.advance_ms(1_000);
    assert!(world.ledger.close(over.id).await.unwrap());
    world.live.faults().set_down(true);

    let closed = steering.act(&cancel(1, codes[0])).await.unwrap();
    let refused = steering.act(&cancel(2, codes[1])).await.unwrap_err();

    assert_eq!(done(&closed), (true, false));
    assert_eq!(refused.failure(), Failure::NotDone);
    assert!(
        world.ledger.purchases().iter().any(|it| it.code == codes[1] && it.cancelled.is_none())
    );
}

/// Its sales are listed all the same.
#[tokio::test]
async fn a_product_that_could_not_be_read_is_not_said_to_be_in_effect() {
    let world = World::new();
    let services = world.services(1);
    let steering = services.steering(None);
    let named = |name: &str| {
        let (sku, name) = ("lamp".parse().unwrap(), name.parse().unwrap());
        ProductChange { sku, name, price: None, metadata: None, image: None }
    };
    let lamp = world.ledger.put_product(&named("Lamp")).version.product;
    let Sale { window, terms, .. } = world.open_sale(1, 1);
    let sale = NewSale { window, terms, origin: Origin::Operator, product: Some(lamp) };
    world.ledger.schedule(sale).await.unwrap().unwrap();
    services.catalog.refresh().await.unwrap();
    world.ledger.faults().plan(Operation::CurrentVersions, Fault::Refuse);
    let order = order(1, Action::PutProduct(named("Lantern")));

    let unread = steering.act(&order).await.unwrap();
    assert_eq!(done(&unread), (false, false));

    let again = steering.act(&order).await.unwrap();
    assert_eq!(done(&again), (true, true));
    assert_eq!(services.catalog.products().listed(lamp).unwrap().name.to_string(), "Lantern");
}
