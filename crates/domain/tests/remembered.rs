//! What is remembered of the live store, and for how long.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::sync::Arc;

use domain::{
    CheckoutRefusal, Code, CodeRefusal, Epoch, Failure, Sale, Terms,
    ports::{CodeStore, HoldRequest, PlaceReply, SaleSnapshot, SaleStore, Verdict},
    remembered::{RememberedLive, SoldOutMemo},
};
use fakes::{Fault, HoldState, Operation, Process, World};
use futures_util::FutureExt;

/// A sale of one unit, which Alice holds.
async fn sold_out(process: &Process, world: &World) -> Sale {
    let sale = world.open_sale(1, 1);
    process.take(&sale, "alice").await;
    assert!(is_sold_out(process, &sale).await);
    sale
}

fn memo(world: &World) -> Arc<SoldOutMemo> {
    Arc::new(SoldOutMemo::new(Arc::new(world.clock.clone())))
}

async fn is_sold_out(process: &Process, sale: &Sale) -> bool {
    match process.ask(sale, "bob").await.unwrap() {
        Ok(_) => false,
        Err(CheckoutRefusal::SoldOut { .. }) => true,
        Err(other) => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_crowd_is_answered_from_memory_for_a_tenth_of_a_second_and_recorded() {
    let world = World::new();
    let process = world.process(1);
    let sale = sold_out(&process, &world).await;
    world.live.faults().set_down(true);

    world.clock.advance_ms(99);
    assert!(is_sold_out(&process, &sale).await);
    assert_eq!(world.ledger.attempts().len(), 3);

    world.clock.advance_ms(1);
    let error = process.ask(&sale, "bob").await.unwrap_err();
    assert_eq!(error.failure(), Failure::NotDone);
}

#[tokio::test]
async fn a_unit_that_is_given_back_here_is_offered_at_once() {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(1, 1);
    let hold = process.take(&sale, "alice").await;
    assert!(is_sold_out(&process, &sale).await);

    process.purchase.release(hold.code).await.unwrap().unwrap();

    assert!(!is_sold_out(&process, &sale).await);
}

#[tokio::test]
async fn who_gave_a_unit_and_a_slot_back_gets_them_at_once_however_late_verdicts_are() {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(1, 1);
    let hold = process.take(&sale, "alice").await;
    // What nobody waits for comes late.
    world.live.faults().plan(Operation::SettleSoon, Fault::Pause);

    process.purchase.release(hold.code).await.unwrap().unwrap();

    let again = process.take(&sale, "alice").await;
    assert_eq!((again.unit, again.slot), (hold.unit, hold.slot));
}

#[tokio::test]
async fn a_hold_is_given_back_although_the_live_store_is_gone() {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(1, 1);
    let hold = process.take(&sale, "alice").await;
    world.live.faults().set_down(true);

    process.purchase.release(hold.code).await.unwrap().unwrap();

    assert_eq!(world.ledger.hold(hold.code).unwrap().state, HoldState::Released);
}

#[tokio::test]
async fn a_unit_whose_hold_expires_here_is_offered_at_once() {
    let world = World::new();
    let process = world.process(1);
    let sale = sold_out(&process, &world).await;
    world.clock.advance_ms(World::HOLD_MS);
    assert!(is_sold_out(&process, &sale).await);

    process.sweep.run(sale.id).await.unwrap();

    assert!(!is_sold_out(&process, &sale).await);
}

#[tokio::test]
async fn a_sale_that_is_loaded_again_is_asked_again() {
    let world = World::new();
    let live = RememberedLive::new(world.live.clone(), memo(&world));
    let sale = world.open_sale(0, 1);
    let load = async |epoch, stock| {
        let terms = Terms::new(stock, 1, World::HOLD_MS).unwrap();
        let sale = Sale { epoch: Epoch(epoch), terms, ..sale };
        live.load(&SaleSnapshot { sale, live: Vec::new() }, world.clock.now()).await.unwrap();
    };
    let ask = async || {
        let code = Code::new(sale.id, 1);
        let request = HoldRequest { code, user: "bob".parse().unwrap(), has_key: false };
        live.place_hold(request).await.unwrap()
    };
    load(1, 0).await;
    assert!(matches!(ask().await, PlaceReply::Refused(CheckoutRefusal::SoldOut { .. })));

    load(2, 1).await;

    assert!(matches!(ask().await, PlaceReply::Granted(_)));
}

#[tokio::test]
async fn a_crowd_that_hangs_up_sends_nobody_to_the_live_store() {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(1, 1);
    process.take(&sale, "alice").await;
    world.live.faults().plan(Operation::PlaceHold, Fault::Pause);
    let mut hangs_up = Box::pin(process.ask(&sale, "carol"));
    assert!((&mut hangs_up).now_or_never().is_none());
    assert!(is_sold_out(&process, &sale).await);

    drop(hangs_up);
    let [abandoned] = process.reclaim.take()[..] else { panic!("one is noted") };
    process.reclaim.give_back(abandoned).await.unwrap();

    world.live.faults().set_down(true);
    assert!(is_sold_out(&process, &sale).await, "nothing came back");
}

#[tokio::test]
async fn a_unit_that_was_granted_here_and_got_no_record_is_offered_at_once() {
    let world = World::new();
    let live = RememberedLive::new(world.live.clone(), memo(&world));
    let sale = world.open_sale(1, 1);
    live.load(&SaleSnapshot { sale, live: Vec::new() }, world.clock.now()).await.unwrap();
    let ask = async |number| {
        let code = Code::new(sale.id, number);
        live.place_hold(HoldRequest { code, user: "bob".parse().unwrap(), has_key: false })
            .await
            .unwrap()
    };
    let PlaceReply::Granted(grant) = ask(1).await else { panic!("there is one") };
    assert!(matches!(ask(2).await, PlaceReply::Refused(_)));

    live.settle_soon(grant.code, Verdict::Free);

    assert!(matches!(ask(3).await, PlaceReply::Granted(_)));
}

#[tokio::test]
async fn a_unit_that_comes_back_elsewhere_is_offered_when_the_memory_fades() {
    let world = World::new();
    let (here, elsewhere) = (world.process(1), world.process(2));
    let sale = world.open_sale(1, 1);
    let hold = elsewhere.take(&sale, "alice").await;
    assert!(is_sold_out(&here, &sale).await);

    elsewhere.purchase.release(hold.code).await.unwrap().unwrap();

    assert!(is_sold_out(&here, &sale).await);
    world.clock.advance_ms(100);
    assert!(!is_sold_out(&here, &sale).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_ends_the_memory() {
    let world = World::new();
    let process = world.process(1);
    let sale = sold_out(&process, &world).await;
    world.live.faults().set_down(true);

    world.clock.advance_ms(-1);

    assert_eq!(process.ask(&sale, "bob").await.unwrap_err().failure(), Failure::NotDone);
}

#[tokio::test]
async fn a_code_that_was_granted_here_is_redeemed_without_the_live_store_and_judged_by_the_ledger()
{
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(2, 2);
    let (kept, lost) = (process.take(&sale, "alice").await, process.take(&sale, "alice").await);
    process.purchase.release(lost.code).await.unwrap().unwrap();
    world.ledger.faults().plan(Operation::FindCode, Fault::Refuse);
    world.live.faults().set_down(true);

    let receipt = process.purchase.redeem(kept.code).await.unwrap().unwrap();
    let refusal = process.purchase.redeem(lost.code).await.unwrap().unwrap_err();

    assert_eq!(receipt.unit, kept.unit);
    assert_eq!(refusal, CodeRefusal::Released);
}
