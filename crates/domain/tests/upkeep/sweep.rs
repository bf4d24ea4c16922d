//! What [`Sweep`](domain::upkeep::Sweep) promises.

use domain::{
    Code, Failure,
    ports::{CodeStore, HoldRequest},
    upkeep::Swept,
};
use fakes::{AttemptRecord, Fault, HoldState, Operation, World};

use crate::{counts, open_world};

/// Longer than the holds of a world and the patience of the overdue step together.
const LONG_OVERDUE_MS: i64 = World::HOLD_MS + 5_001;

#[tokio::test]
async fn a_hold_that_is_due_expires_and_its_unit_is_free_again() {
    let (world, process, sale) = open_world().await;
    let hold = process.take(&sale, "alice").await;

    world.clock.advance_ms(World::HOLD_MS - 1);
    let early = process.sweep.run(sale.id).await.unwrap();
    world.clock.advance_ms(1);
    let in_time = process.sweep.run(sale.id).await.unwrap();

    assert_eq!((early, in_time), (Swept::Judged(0), Swept::Judged(1)));
    assert_eq!(world.ledger.hold(hold.code).unwrap().state, HoldState::Expired);
    assert_eq!(counts(&world, &sale).await, [3, 0, 0]);
}

#[tokio::test]
async fn a_code_without_a_record_gets_a_tombstone_so_that_none_can_come_later() {
    let (world, process, sale) = open_world().await;
    let code = Code::new(sale.id, 12_345);
    let request = HoldRequest { code, user: "alice".parse().unwrap(), has_key: false };
    world.live.place_hold(request).await.unwrap();
    world.clock.advance_ms(World::HOLD_MS);

    process.sweep.run(sale.id).await.unwrap();

    assert_eq!(world.ledger.attempts(), [AttemptRecord::Tombstone { sale: sale.id, code }]);
    assert_eq!(counts(&world, &sale).await, [3, 0, 0]);
}

#[tokio::test]
async fn a_hold_that_only_the_live_store_calls_due_is_left_for_as_long_as_the_ledger_says() {
    let (world, process, sale) = open_world().await;
    let hold = process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS - 5_000);
    world.live.set_skew_ms(5_000);

    let judged = process.sweep.run(sale.id).await.unwrap();
    let again = process.sweep.run(sale.id).await.unwrap();

    assert_eq!((judged, again), (Swept::Judged(1), Swept::Judged(0)));
    assert_eq!(world.ledger.hold(hold.code).unwrap().state, HoldState::Held);
    world.clock.advance_ms(5_000);
    assert_eq!(process.sweep.run(sale.id).await.unwrap(), Swept::Judged(1));
    assert_eq!(world.ledger.hold(hold.code).unwrap().state, HoldState::Expired);
}

#[tokio::test]
async fn a_purchase_the_live_store_did_not_hear_of_is_settled_when_its_hold_is_due() {
    let (world, process, sale) = open_world().await;
    let bought = process.take(&sale, "alice").await;
    let returned = process.take(&sale, "alice").await;
    world.live.faults().plan(Operation::SettleSoon, Fault::Lose);
    world.live.faults().plan(Operation::Settle, Fault::Lose);
    process.purchase.redeem(bought.code).await.unwrap().unwrap();
    process.purchase.release(returned.code).await.unwrap().unwrap();
    assert_eq!(counts(&world, &sale).await, [1, 2, 0]);

    world.clock.advance_ms(World::HOLD_MS);
    process.sweep.run(sale.id).await.unwrap();

    assert_eq!(counts(&world, &sale).await, [2, 0, 1]);
}

#[tokio::test]
async fn a_sweep_that_stops_after_the_verdict_is_finished_by_the_next() {
    for fault in [Fault::Refuse, Fault::Lose, Fault::LoseReply] {
        let (world, process, sale) = open_world().await;
        process.take(&sale, "alice").await;
        world.clock.advance_ms(World::HOLD_MS);
        world.live.faults().plan(Operation::Settle, fault);

        process.sweep.run(sale.id).await.unwrap_err();
        process.sweep.run(sale.id).await.unwrap();

        assert_eq!(counts(&world, &sale).await, [3, 0, 0], "{fault:?}");
    }
}

#[tokio::test]
async fn a_sweep_without_a_verdict_frees_nothing() {
    let (world, process, sale) = open_world().await;
    process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS);
    world.ledger.faults().set_down(true);

    process.sweep.run(sale.id).await.unwrap_err();

    assert_eq!(counts(&world, &sale).await, [2, 1, 0]);
}

#[tokio::test]
async fn a_verdict_that_comes_late_does_not_free_the_unit_of_the_next_hold() {
    let (world, process, _) = open_world().await;
    world.clock.advance_ms(3_600_000);
    let sale = world.open_sale(1, 1);
    process.take(&sale, "alice").await;
    world.clock.advance_ms(World::HOLD_MS);
    let other = world.process(2);
    world.live.faults().plan(Operation::Settle, Fault::Pause);

    let (swept, ()) = tokio::join!(process.sweep.run(sale.id), async {
        other.sweep.run(sale.id).await.unwrap();
        other.take(&sale, "bob").await;
        assert!(world.live.faults().resume());
    });

    swept.unwrap();
    assert_eq!(counts(&world, &sale).await, [0, 1, 0]);
}

#[tokio::test]
async fn one_run_resolves_more_holds_than_fit_into_one_transaction() {
    let (world, process, _) = open_world().await;
    world.clock.advance_ms(3_600_000);
    let sale = world.open_sale(1_200, 600);
    for unit in 0..1_200 {
        process.take(&sale, if unit % 2 == 0 { "alice" } else { "bob" }).await;
    }
    world.clock.advance_ms(World::HOLD_MS);

    assert_eq!(process.sweep.run(sale.id).await.unwrap(), Swept::Judged(1_200));
    assert_eq!(counts(&world, &sale).await, [1_200, 0, 0]);
}

#[tokio::test]
async fn a_sale_that_is_not_served_is_reported() {
    let (world, process, sale) = open_world().await;
    world.live.wipe();

    assert_eq!(process.sweep.run(sale.id).await.unwrap(), Swept::NotLoaded);

    world.live.faults().set_down(true);
    assert_eq!(process.sweep.run(sale.id).await.unwrap_err().failure(), Failure::NotDone);
}

#[tokio::test]
async fn holds_that_the_live_store_forgot_expire_a_little_later() {
    let (world, process, sale) = open_world().await;
    let old = process.take(&sale, "alice").await;
    world.clock.advance_ms(1_000);
    let young = process.take(&sale, "alice").await;
    world.live.wipe();

    world.clock.advance_ms(LONG_OVERDUE_MS - 1_001);
    let early = process.sweep.run_overdue(&[sale]).await.unwrap();
    world.clock.advance_ms(1);
    let in_time = process.sweep.run_overdue(&[sale]).await.unwrap();

    assert_eq!((early, in_time), (0, 1));
    assert_eq!(world.ledger.hold(old.code).unwrap().state, HoldState::Expired);
    assert_eq!(world.ledger.hold(young.code).unwrap().state, HoldState::Held);
}

#[tokio::test]
async fn an_overdue_hold_that_the_live_store_still_has_is_freed_there_too() {
    let (world, process, sale) = open_world().await;
    process.take(&sale, "alice").await;
    world.clock.advance_ms(LONG_OVERDUE_MS);

    assert_eq!(process.sweep.run_overdue(&[sale]).await.unwrap(), 1);

    assert_eq!(counts(&world, &sale).await, [3, 0, 0]);
}
