//! What [`Rotate`](domain::upkeep::Rotate) promises.

use std::sync::Arc;

use domain::{
    NewSale, Origin, Sale, Terms, Timetable, UnixMillis, Window, ports::SaleRegister, time::DAY_MS,
    upkeep::Rotate,
};
use fakes::{Fault, ManualClock, Operation, Process, World};

/// The length of a slot, and how far ahead a sale is made.
const PERIOD_MS: i64 = 600_000;

fn terms() -> Terms {
    Terms::new(5, 1, 1_000).unwrap()
}

/// A rotation of ten-minute slots.
fn rotation(world: &World, process: &Process) -> Rotate {
    let timetable = Timetable::new(PERIOD_MS, terms()).unwrap();
    Rotate::new(world.ledger.clone(), Arc::clone(&process.catalog), timetable)
}

/// When sales start, in milliseconds since `beginning`.
fn starts(sales: &[Sale], beginning: UnixMillis) -> Vec<i64> {
    sales.iter().map(|sale| sale.window.starts_at() - beginning).collect()
}

#[tokio::test]
async fn the_current_slot_gets_its_sale_at_once_and_the_next_ahead_of_its_time() {
    let world = World::new();
    let process = world.process(1);
    let rotate = rotation(&world, &process);
    let beginning = world.clock.now();
    world.clock.advance_ms(123_456);

    let first = rotate.run().await.unwrap();
    world.clock.set(beginning + (PERIOD_MS - 1));
    let none = rotate.run().await.unwrap();
    world.clock.advance_ms(1);
    let next = rotate.run().await.unwrap();

    assert_eq!(starts(&first, beginning), [0, PERIOD_MS]);
    assert_eq!(first[0].window.ends_at() - beginning, PERIOD_MS);
    assert_eq!(first[0].terms, terms());
    assert_eq!(none, []);
    assert_eq!(starts(&next, beginning), [2 * PERIOD_MS]);
}

#[tokio::test]
async fn of_two_processes_one_makes_the_sales_and_both_know_them() {
    let world = World::new();
    let (one, two) = (world.process(1), world.process(2));

    let made = rotation(&world, &one).run().await.unwrap();
    let found = rotation(&world, &two).run().await.unwrap();

    assert_eq!(made.len(), 2);
    assert_eq!(found, []);
    assert_eq!(one.catalog.calendar().sales, made);
    assert_eq!(two.catalog.calendar().sales, made);
}

#[tokio::test]
async fn of_two_that_race_the_slower_makes_nothing_and_knows_all() {
    let world = World::new();
    let (one, two) = (world.process(1), world.process(2));
    world.ledger.faults().plan(Operation::Schedule, Fault::Pause);
    let slower = rotation(&world, &two);
    let slower = tokio::spawn(async move { slower.run().await.unwrap() });
    while world.ledger.faults().paused() == 0 {
        tokio::task::yield_now().await;
    }

    let made = rotation(&world, &one).run().await.unwrap();
    assert!(world.ledger.faults().resume());

    assert_eq!(slower.await.unwrap(), []);
    assert_eq!(two.catalog.calendar().sales, made);
}

#[tokio::test]
async fn after_downtime_slots_that_passed_are_not_sold_late() {
    let world = World::new();
    let process = world.process(1);
    let rotate = rotation(&world, &process);
    let beginning = world.clock.now();
    rotate.run().await.unwrap();

    world.clock.advance_ms(5 * PERIOD_MS + 1);
    let made = rotate.run().await.unwrap();

    assert_eq!(starts(&made, beginning), [5 * PERIOD_MS, 6 * PERIOD_MS]);
}

#[tokio::test]
async fn a_slot_that_overlaps_a_sale_of_an_earlier_timetable_is_left_alone() {
    let world = World::new();
    let process = world.process(1);
    let beginning = world.clock.now();
    let before = world.sale_in(PERIOD_MS - 1, 2, 1, 1);

    let overlapped = rotation(&world, &process).run().await.unwrap();
    world.clock.advance_ms(2 * PERIOD_MS);
    let free = rotation(&world, &process).run().await.unwrap();

    assert_eq!(overlapped, []);
    assert_eq!(starts(&free, beginning), [2 * PERIOD_MS, 3 * PERIOD_MS]);
    assert_eq!(process.catalog.calendar().sales, [before, free[0], free[1]]);
}

#[tokio::test]
async fn a_sale_of_an_operator_keeps_no_slot() {
    let world = World::new();
    let process = world.process(1);
    let beginning = world.clock.now();
    let window = Window::new(beginning, beginning + PERIOD_MS).unwrap();
    let by_hand = world
        .ledger
        .schedule(NewSale::unnamed(window, terms(), Origin::Operator))
        .await
        .unwrap()
        .unwrap();

    let made = rotation(&world, &process).run().await.unwrap();

    assert_eq!(starts(&made, beginning), [0, PERIOD_MS]);
    assert_eq!(process.catalog.calendar().sales, [by_hand, made[0], made[1]]);
}

#[tokio::test]
async fn without_a_timetable_no_sale_is_made_and_all_are_known() {
    let world = World::new();
    let process = world.process(1);
    let sale = world.open_sale(1, 1);
    let rotate = Rotate::new(world.ledger.clone(), Arc::clone(&process.catalog), None);
    assert!(!process.catalog.was_refreshed());

    let made = rotate.run().await.unwrap();

    assert_eq!(made, []);
    assert_eq!(process.catalog.calendar().sales, [sale]);
    assert!(process.catalog.was_refreshed());
}

#[tokio::test]
async fn a_closed_sale_keeps_its_slot_when_the_clock_jumps_back_into_it() {
    let world = World::new();
    let process = world.process(1);
    let beginning = world.clock.now();
    let over = world.sale_in(0, PERIOD_MS, 1, 1);
    world.clock.advance_ms(PERIOD_MS);
    assert!(world.ledger.close(over.id).await.unwrap());
    world.clock.set(beginning + 1);

    let made = rotation(&world, &process).run().await.unwrap();

    assert_eq!(starts(&made, beginning), [PERIOD_MS]);
}

#[tokio::test]
async fn a_rotation_that_failed_is_made_up_for() {
    let world = World::new();
    let process = world.process(1);
    let rotate = rotation(&world, &process);

    world.ledger.faults().set_down(true);
    rotate.run().await.unwrap_err();
    world.ledger.faults().set_down(false);
    world.ledger.faults().plan(Operation::Schedule, Fault::LoseReply);
    rotate.run().await.unwrap_err();

    assert_eq!(rotate.run().await.unwrap().len(), 1, "the other was made");
    assert_eq!(process.catalog.calendar().sales.len(), 2);
}

#[tokio::test]
async fn no_sale_is_made_by_a_clock_that_was_set() {
    let world = World::new();
    let process = world.process(1);
    let uptime = ManualClock::new(UnixMillis(0));
    process.catalog.watch_clock(Arc::new(uptime.clone()));
    let rotate = rotation(&world, &process);
    rotate.run().await.unwrap();

    world.clock.advance_ms(DAY_MS);
    let ahead = rotate.run().await.unwrap();
    world.clock.advance_ms(PERIOD_MS - DAY_MS);
    uptime.advance_ms(PERIOD_MS);
    let back = rotate.run().await.unwrap();

    assert_eq!((ahead.len(), back.len()), (0, 1));
}

#[tokio::test]
async fn a_gap_that_another_period_leaves_is_told_of_once_and_is_when_nothing_is_on() {
    let world = World::new();
    let process = world.process(1);
    let beginning = world.clock.now();
    rotation(&world, &process).run().await.unwrap();
    // Two slots of ten minutes have sales; of the slots of a quarter of an hour the second has one
    // until the twentieth minute.
    let quarters = Timetable::new(900_000, terms()).unwrap();
    let rotate = Rotate::new(world.ledger.clone(), Arc::clone(&process.catalog), quarters);

    let mut told = Vec::new();
    let mut made = Vec::new();
    for _ in 0..40 {
        made.extend(rotate.run().await.unwrap());
        told.extend(rotate.new_gaps());
        world.clock.advance_ms(60_000);
    }

    let told: Vec<_> =
        told.iter().map(|gap| (gap.starts_at() - beginning, gap.ends_at() - beginning)).collect();
    assert_eq!(told, [(2 * PERIOD_MS, 1_800_000)]);
    assert_eq!(starts(&made, beginning)[0], 1_800_000);
}
