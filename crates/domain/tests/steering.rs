//! Carrying out what operators order, and when it is in effect.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use domain::{
    CheckoutRefusal, CheckoutRequest, Failure, Sale, Steering,
    operator::{Acted, Action, ActionId, Answer, Change, Changed, Order, Refused},
    ports::Operation,
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
        world.live.faults().set_down(true);
        steering.act(&order(1, stop(sale.id))).await.unwrap();
        world.live.faults().set_down(false);
        let stopped = world.ledger.sale(sale.id).unwrap();
        assert_eq!(stopped.epoch.0, 1);

        let refusal = other.ask(&sale, "ann").await.unwrap().unwrap_err();
        let key = "a-key-of-16-letters".parse().unwrap();
        let keyed = CheckoutRequest { sale: sale.id, user: "bob".parse().unwrap() };
        let with_key = other.checkout.attempt_again(keyed, &key).await.unwrap().unwrap_err();

        let ends_at = stopped.window.ends_at();
        let (expected, is_loaded_anew) = match stopped.state {
            SaleState::Paused => (CheckoutRefusal::Paused { ends_at }, true),
            _ => (CheckoutRefusal::Ended { ends_at }, false),
        };
        assert_eq!((refusal, with_key), (expected, expected));
        let recorded = |it: &AttemptRecord| matches!(it, AttemptRecord::Refusal { refusal, .. } if *refusal == expected);
        let attempts = world.ledger.attempts();
        assert!(attempts.len() == 2 && attempts.iter().all(recorded), "{attempts:?}");
        // The one without a key is back, and the other is there for whoever asks again.
        assert_eq!(world.live.free(sale.id).len(), 1);
        world.clock.advance_ms(1_000);
        let loaded = other.rebuild.run_asked().await.unwrap();
        assert_eq!(loaded, if is_loaded_anew { vec![sale.id] } else { vec![] });
        // Where it was not asked for, the comparison finds it.
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
