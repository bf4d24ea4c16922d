//! What becomes of a request whose client hangs up.

use domain::{
    Sale, Slot,
    ports::{Attempt, CodeStore, Grant, HoldRequest, LedgerStore, Outcome},
};
use fakes::{AttemptRecord, Fault, HoldState, Operation, Process, World};

use crate::{free, open_world};

/// Asks for a unit and goes away as soon as a call stands still in either store.
async fn hang_up(world: &World, process: &Process, sale: &Sale) {
    let stands_still = async {
        while world.live.faults().paused() + world.ledger.faults().paused() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        reply = process.ask(sale, "alice") => panic!("it was to be waited for: {reply:?}"),
        () = stands_still => {}
    }
}

async fn reclaim(process: &Process) -> usize {
    let codes = process.reclaim.take();
    for &code in &codes {
        process.reclaim.give_back(code).await.unwrap();
    }
    codes.len()
}

#[tokio::test]
async fn a_request_dropped_before_its_record_gives_its_unit_back_itself() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    world.ledger.faults().plan(Operation::Record, Fault::Pause);

    hang_up(&world, &process, &sale).await;
    assert_eq!(free(&world, &sale), 0);

    assert_eq!(reclaim(&process).await, 1);
    assert_eq!(free(&world, &sale), 1);
    // A record that is on its way still finds the tombstone.
    assert!(matches!(world.ledger.attempts()[..], [AttemptRecord::Tombstone { .. }]));
    process.take(&sale, "alice").await;
    assert_eq!(reclaim(&process).await, 0);
}

#[tokio::test]
async fn a_request_dropped_after_its_record_gives_its_hold_back() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 1);
    let other = process.take(&sale, "bob").await;
    world.ledger.faults().plan(Operation::Record, Fault::Pause);
    hang_up(&world, &process, &sale).await;
    let [abandoned] = process.reclaim.take()[..] else { panic!("one is noted") };
    // Its record was with the ledger already, and is written all the same.
    let code = abandoned.code;
    let held = world.live.held(sale.id);
    let (_, unit) = *held.iter().find(|(held, _)| *held == code).unwrap();
    let epoch = world.ledger.sale(sale.id).unwrap().epoch;
    let outcome = Outcome::Granted(Grant { code, unit, slot: Slot(0), epoch });
    let attempt = Attempt { sale: sale.id, user: "alice".parse().unwrap(), outcome };
    world.ledger.permit().unwrap().record(attempt).await.unwrap();

    process.reclaim.give_back(abandoned).await.unwrap();

    assert_eq!(world.ledger.hold(abandoned.code).unwrap().state, HoldState::Released);
    assert_eq!(world.ledger.hold(other.code).unwrap().state, HoldState::Held);
    assert_eq!(free(&world, &sale), 1);
}

#[tokio::test]
async fn a_request_dropped_before_it_heard_of_its_unit_gives_it_back_without_the_ledger() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.live.faults().plan(Operation::PlaceHold, Fault::Pause);

    hang_up(&world, &process, &sale).await;

    let [abandoned] = process.reclaim.take()[..] else { panic!("one is noted") };
    // The call was on its way already.
    let request =
        HoldRequest { code: abandoned.code, user: "alice".parse().unwrap(), has_key: false };
    world.live.place_hold(request).await.unwrap();
    assert_eq!(free(&world, &sale), 0);
    process.reclaim.give_back(abandoned).await.unwrap();
    assert_eq!(free(&world, &sale), 1);
    assert_eq!(world.ledger.attempts(), []);
}

#[tokio::test]
async fn a_request_that_was_answered_is_not_given_back() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);

    process.take(&sale, "alice").await;
    process.ask(&sale, "bob").await.unwrap().unwrap_err();
    world.live.faults().plan(Operation::PlaceHold, Fault::Lose);
    world.clock.advance_ms(1_000);
    process.ask(&sale, "carol").await.unwrap_err();

    assert_eq!(process.reclaim.take(), []);
}
