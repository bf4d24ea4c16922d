//! What [`Checkout`](domain::Checkout) promises.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod abandoned;
mod keyed;
mod refusals;

use domain::{
    CheckoutRefusal, Epoch, Failure, Hold, Sale, StoreError, Unit,
    ports::{SaleSnapshot, SaleStore},
    upkeep::Swept,
};
use fakes::{AttemptRecord, Fault, HoldState, Operation, Process, World};
use futures_util::FutureExt as _;

type Reply = Result<Result<Hold, CheckoutRefusal>, StoreError>;

fn open_world() -> (World, Process) {
    let world = World::new();
    let process = world.process(1);
    (world, process)
}

fn failure(reply: Reply) -> Failure {
    reply.unwrap_err().failure()
}

fn free(world: &World, sale: &Sale) -> usize {
    world.live.free(sale.id).len()
}

#[tokio::test]
async fn a_code_that_is_given_out_is_a_hold_in_the_ledger() {
    let (world, process) = open_world();
    let sale = world.open_sale(3, 2);

    let hold = process.take(&sale, "alice").await;

    let record = world.ledger.hold(hold.code).unwrap();
    assert_eq!(record.state, HoldState::Held);
    assert_eq!((record.unit, record.slot), (hold.unit, hold.slot));
    assert_eq!(record.expires_at, hold.expires_at);
    assert_eq!(hold.expires_at, world.clock.now() + World::HOLD_MS);
    assert_eq!(hold.code.sale(), sale.id);
}

#[tokio::test]
async fn who_waits_for_a_lost_sale_does_not_stand_in_the_way_of_another() {
    let (world, process) = open_world();
    let [lost, other] = [world.open_sale(3, 2), world.sale_in(0, World::HOLD_MS, 3, 2)];
    process.rebuild.restore(other.id, None).await.unwrap();
    world.ledger.set_permits(1);
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let mut waits = Box::pin(process.ask(&lost, "alice"));
    while world.live.faults().paused() == 0 {
        assert!((&mut waits).now_or_never().is_none());
        tokio::task::yield_now().await;
    }

    assert!(process.ask(&other, "bob").await.unwrap().is_ok());
    assert!(world.live.faults().resume());
    assert!(waits.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_full_queue_leaves_the_stock_untouched() {
    let (world, process) = open_world();
    let sale = world.open_sale(3, 2);
    process.rebuild.restore(sale.id, None).await.unwrap();
    world.ledger.set_permits(0);

    let reply = process.ask(&sale, "alice").await;

    assert_eq!(failure(reply), Failure::Overloaded);
    assert_eq!(free(&world, &sale), 3);
    assert_eq!(world.live.held(sale.id), []);
}

#[tokio::test]
async fn every_way_out_gives_the_place_in_the_queue_back() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 1);
    world.ledger.set_permits(1);

    process.take(&sale, "alice").await;
    process.ask(&sale, "alice").await.unwrap().unwrap_err();
    world.live.faults().plan(Operation::PlaceHold, Fault::Refuse);
    process.ask(&sale, "bob").await.unwrap_err();
    world.ledger.faults().plan(Operation::Record, Fault::Lose);
    process.ask(&sale, "bob").await.unwrap_err();

    process.ask(&sale, "carol").await.unwrap().unwrap_err();
}

#[tokio::test]
async fn a_grant_that_is_certainly_not_recorded_gives_its_unit_back_at_once() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    world.ledger.faults().plan(Operation::Record, Fault::Refuse);

    let reply = process.ask(&sale, "alice").await;

    assert_eq!(failure(reply), Failure::NotDone);
    assert_eq!(free(&world, &sale), 1);
    process.take(&sale, "alice").await;
}

#[tokio::test]
async fn a_grant_that_may_be_recorded_keeps_its_unit_until_it_is_judged() {
    for (fault, state) in [(Fault::Lose, None), (Fault::LoseReply, Some(HoldState::Held))] {
        let (world, process) = open_world();
        let sale = world.open_sale(1, 1);
        world.ledger.faults().plan(Operation::Record, fault);

        let reply = process.ask(&sale, "alice").await;

        assert_eq!(failure(reply), Failure::Unknown, "{fault:?}");
        let [(code, _)] = world.live.held(sale.id)[..] else { panic!("one hold: {fault:?}") };
        assert_eq!(world.ledger.hold(code).map(|hold| hold.state), state, "{fault:?}");
        assert_eq!(free(&world, &sale), 0, "{fault:?}");

        world.clock.advance_ms(World::HOLD_MS);
        assert_eq!(process.sweep.run(sale.id).await.unwrap(), Swept::Judged(1), "{fault:?}");
        assert_eq!(free(&world, &sale), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_grant_that_is_recorded_after_its_time_is_too_late() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    world.ledger.faults().plan(Operation::Record, Fault::Pause);

    let (reply, unit_came_back) = tokio::join!(process.ask(&sale, "alice"), async {
        world.clock.advance_ms(World::HOLD_MS);
        process.sweep.run(sale.id).await.unwrap();
        let unit_came_back = free(&world, &sale) == 1;
        assert!(world.ledger.faults().resume());
        unit_came_back
    });

    assert!(unit_came_back);
    assert_eq!(failure(reply), Failure::NotDone);
    assert!(matches!(world.ledger.attempts()[..], [AttemptRecord::Tombstone { .. }]));
    process.take(&sale, "bob").await;
}

#[tokio::test]
async fn a_grant_of_an_older_epoch_is_not_a_hold() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    let other = world.process(2);
    world.ledger.faults().plan(Operation::Record, Fault::Pause);

    let (reply, bought) = tokio::join!(process.ask(&sale, "alice"), async {
        world.live.wipe();
        world.clock.advance_ms(1_000);
        let bought = other.take(&sale, "bob").await;
        assert!(world.ledger.faults().resume());
        bought
    });

    assert_eq!(failure(reply), Failure::Rebuilding);
    assert_eq!(world.ledger.attempts().len(), 1);
    assert_eq!(world.live.held(sale.id), [(bought.code, bought.unit)]);
}

#[tokio::test]
async fn a_live_store_that_grants_a_taken_unit_is_rebuilt_when_the_scheduler_comes_by() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 1);
    process.rebuild.restore(sale.id, None).await.unwrap();
    let before = world.live.copy();
    let bought = process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&before);
    world.clock.advance_ms(1_000);

    let reply = process.ask(&sale, "bob").await;

    assert_eq!(failure(reply), Failure::Rebuilding);
    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, [sale.id]);
    assert_eq!(world.live.held(sale.id), [(bought.code, bought.unit)]);
    assert_ne!(process.take(&sale, "bob").await.unit, bought.unit);
    assert_eq!(process.rebuild.run_asked().await.unwrap().out_of_date, []);
}

#[tokio::test]
async fn a_live_store_that_lost_the_sale_is_restored_within_the_request() {
    let (world, process) = open_world();
    let sale = world.open_sale(3, 2);
    let first = process.take(&sale, "alice").await;
    let old = world.live.copy();
    let second = process.take(&sale, "alice").await;

    world.live.wipe();
    world.clock.advance_ms(1_000);
    let limited = process.ask(&sale, "alice").await.unwrap().unwrap_err();
    world.live.restore(&old);
    world.clock.advance_ms(1_000);
    let last = process.take(&sale, "bob").await;

    assert_eq!(limited, CheckoutRefusal::UserLimit { limit: 2, held: 2, bought: 0 });
    let mut units = [first.unit, second.unit, last.unit].map(Unit::get);
    units.sort_unstable();
    assert_eq!(units, [1, 2, 3]);
    assert_eq!(world.ledger.sale(sale.id).unwrap().epoch, Epoch(3));
}

#[tokio::test]
async fn requests_that_find_the_sale_lost_wait_for_one_rebuild() {
    let (world, process) = open_world();
    let sale = world.open_sale(3, 1);
    world.live.faults().plan(Operation::Load, Fault::Pause);

    let (first, second, third, ()) = tokio::join!(
        process.take(&sale, "alice"),
        process.take(&sale, "bob"),
        process.take(&sale, "carol"),
        async { assert!(world.live.faults().resume()) },
    );

    let mut units = [first.unit, second.unit, third.unit].map(Unit::get);
    units.sort_unstable();
    assert_eq!(units, [1, 2, 3]);
    assert_eq!(world.ledger.sale(sale.id).unwrap().epoch, Epoch(1));
}

#[tokio::test]
async fn a_sale_that_is_lost_again_and_again_is_given_up() {
    let (world, process) = open_world();
    let sale = world.open_sale(1, 1);
    process.rebuild.restore(sale.id, None).await.unwrap();
    for _ in 0..4 {
        world.live.faults().plan(Operation::PlaceHold, Fault::Pause);
    }

    // Each time it asks for a unit, the sale is lost once more.
    let (reply, ()) = tokio::join!(process.ask(&sale, "alice"), async {
        for _ in 0..4 {
            while world.live.faults().paused() == 0 {
                tokio::task::yield_now().await;
            }
            world.clock.advance_ms(1_000);
            world.live.wipe();
            assert!(world.live.faults().resume());
            tokio::task::yield_now().await;
        }
    });

    assert_eq!(failure(reply), Failure::Rebuilding);
    assert_eq!(world.ledger.attempts(), []);
}

#[tokio::test]
async fn nothing_is_sold_when_the_ledger_has_lost_data() {
    let (world, process) = open_world();
    let sale = world.open_sale(2, 1);
    serve_epoch(&world, &sale, Epoch(7)).await;

    for user in ["alice", "bob", "carol"] {
        assert_eq!(failure(process.ask(&sale, user).await), Failure::Rebuilding);
        let rebuilt = process.rebuild.run_asked().await.unwrap_err();
        assert_eq!(rebuilt.failure(), Failure::Rebuilding);
    }

    assert_eq!(world.ledger.attempts(), []);
}

/// Makes the live store serve an epoch that the ledger never issued.
async fn serve_epoch(world: &World, sale: &Sale, epoch: Epoch) {
    let snapshot = SaleSnapshot { sale: Sale { epoch, ..*sale }, live: Vec::new() };
    world.live.load(&snapshot, world.clock.now()).await.unwrap();
}
