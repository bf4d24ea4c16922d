//! What a scheduler does at its ticks, on the fakes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    Phase, Sale, UnixMillis, ports::SaleRegister, processes::ProcessId, time::DAY_MS,
    upkeep::Shares,
};
use fakes::{Fault, ManualClock, Operation, Process, World};
use scheduler::{OVERDUE_EVERY, RECONCILE_EVERY, ROTATE_EVERY, Scheduler, TICK};
use tokio::{
    sync::Notify,
    time::{advance, sleep},
};

const HOUR_MS: i64 = 3_600_000;

/// A process with its services and the scheduler of its upkeep.
struct Node {
    process: Process,
    scheduler: Scheduler,
}

fn node(world: &World, number: u16) -> Node {
    let services = world.services(number);
    let scheduler = Scheduler::new(services.upkeep(World::hourly()));
    let process = Process::of(services);
    Node { process, scheduler }
}

fn current(node: &Node) -> Sale {
    let calendar = node.process.catalog.calendar();
    let is_on = |sale: &&Sale| sale.phase_at(calendar.now) == Phase::Open;
    *calendar.sales.iter().find(is_on).unwrap()
}

/// A world with one node that has ticked once, and the sale that is on.
async fn selling() -> (World, Node, Sale) {
    let world = World::new();
    let node = node(&world, 1);
    node.scheduler.tick().await;
    let sale = current(&node);
    (world, node, sale)
}

/// Lets both the stores' time and the scheduler's pass.
async fn pass(world: &World, time: Duration) {
    world.clock.advance_ms(i64::try_from(time.as_millis()).unwrap());
    advance(time).await;
}

#[tokio::test(start_paused = true)]
async fn the_first_tick_makes_the_sales_and_serves_the_one_that_is_on() {
    let world = World::new();
    let node = node(&world, 1);

    node.scheduler.tick().await;

    let sale = current(&node);
    assert_eq!(node.process.catalog.calendar().sales.len(), 2, "this hour's and the next");
    assert!(world.live.served(sale.id).is_some());
    assert!(node.process.ask(&sale, "alice").await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_sale_far_ahead_is_served_only_when_its_time_comes_near() {
    let world = World::new();
    let node = node(&world, 1);
    node.scheduler.tick().await;
    let next = node.process.catalog.calendar().sales[1];
    assert!(world.live.served(next.id).is_none());

    pass(&world, Duration::from_millis(HOUR_MS.unsigned_abs() - 59_000)).await;
    node.scheduler.tick().await;

    assert!(world.live.served(next.id).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_due_hold_is_resolved_by_the_next_tick() {
    let (world, node, sale) = selling().await;
    node.process.take(&sale, "alice").await;

    pass(&world, Duration::from_millis(World::HOLD_MS.unsigned_abs())).await;
    node.scheduler.tick().await;

    assert_eq!(world.live.free(sale.id).len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_sale_that_the_live_store_lost_is_served_again_by_the_next_tick() {
    let (world, node, sale) = selling().await;
    pass(&world, Duration::from_secs(1)).await;
    world.live.wipe();

    pass(&world, TICK).await;
    node.scheduler.tick().await;

    assert!(world.live.served(sale.id).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_keeps_no_other_from_running_and_is_tried_again() {
    let (world, node, sale) = selling().await;
    node.process.take(&sale, "alice").await;
    pass(&world, Duration::from_millis(World::HOLD_MS.unsigned_abs())).await;
    world.ledger.faults().plan(Operation::Calendar, Fault::Refuse);
    world.ledger.faults().plan(Operation::Tally, Fault::Refuse);

    node.scheduler.tick().await;

    assert_eq!(world.live.free(sale.id).len(), 5, "the sweep ran");
    let before = node.process.catalog.calendar().now;
    pass(&world, ROTATE_EVERY.max(RECONCILE_EVERY)).await;
    node.scheduler.tick().await;
    assert!(node.process.catalog.calendar().now > before, "the catalog is refreshed again");
}

#[tokio::test(start_paused = true)]
async fn holds_that_the_live_store_forgot_are_expired_all_the_same() {
    let (world, node, sale) = selling().await;
    node.process.take(&sale, "alice").await;
    world.live.faults().set_down(true);

    pass(&world, Duration::from_millis(World::HOLD_MS.unsigned_abs()) + 2 * OVERDUE_EVERY).await;
    node.scheduler.tick().await;

    let tally = world.ledger.tally(sale.id).await.unwrap().unwrap();
    assert_eq!(tally.held, 0);
}

#[tokio::test(start_paused = true)]
async fn two_schedulers_make_each_sale_once() {
    let world = World::new();
    let nodes = [node(&world, 1), node(&world, 2)];

    for _ in 0..8 {
        for node in &nodes {
            node.scheduler.tick().await;
        }
        pass(&world, Duration::from_millis(HOUR_MS.unsigned_abs() / 2)).await;
    }

    let mut sales = world.ledger.page(None, 100).await.unwrap();
    sales.sort_by_key(|sale| sale.window.starts_at());
    let starts: Vec<UnixMillis> = sales.iter().map(|sale| sale.window.starts_at()).collect();
    assert!(starts.len() >= 4);
    assert!(starts.is_sorted_by(|&earlier, &later| later - earlier == HOUR_MS), "{starts:?}");
}

/// Two nodes that share the upkeep, of which the first has the turns, and the sale that is on.
async fn sharing() -> (World, [Node; 2], Sale) {
    let world = World::new();
    let nodes = [1, 2].map(|number| {
        let shares = Shares::among(world.live.clone(), ProcessId(number.into()));
        let Node { process, scheduler } = node(&world, number);
        Node { process, scheduler: scheduler.with_shares(shares) }
    });
    for node in &nodes {
        node.scheduler.tick().await;
    }
    let sale = current(&nodes[0]);
    (world, nodes, sale)
}

#[tokio::test(start_paused = true)]
async fn a_difference_that_lasts_is_found_by_the_process_that_looks_while_others_go_on() {
    let (world, nodes, sale) = sharing().await;
    let copy = world.live.copy();
    nodes[0].process.take(&sale, "alice").await;
    world.live.roll_back_undetected(&copy);

    for _ in 0..2 {
        pass(&world, RECONCILE_EVERY).await;
        for node in &nodes {
            node.scheduler.tick().await;
        }
    }

    assert_eq!(world.live.free(sale.id).len(), 4);
}

/// It had looked before only to know how often the ledger had moved.
#[tokio::test(start_paused = true)]
async fn a_process_that_comes_to_look_notices_that_the_ledger_has_moved_while_it_did_not() {
    let (world, nodes, sale) = sharing().await;
    let epoch = || world.ledger.sale(sale.id).unwrap().epoch;
    let before = epoch();
    world.ledger.fail_over();

    // The first is no more. Before its turn is over, nobody looks.
    pass(&world, RECONCILE_EVERY).await;
    nodes[1].scheduler.tick().await;
    assert_eq!(epoch(), before);
    for _ in 0..3 {
        pass(&world, RECONCILE_EVERY).await;
        nodes[1].scheduler.tick().await;
    }

    assert!(epoch() > before);
}

#[tokio::test(start_paused = true)]
async fn each_does_all_while_nobody_can_say_whose_turn_it_is() {
    let (world, nodes, sale) = sharing().await;
    nodes[0].process.take(&sale, "alice").await;
    world.live.faults().set_down(true);

    pass(&world, Duration::from_millis(World::HOLD_MS.unsigned_abs()) + 2 * OVERDUE_EVERY).await;
    nodes[1].scheduler.tick().await;

    let tally = world.ledger.tally(sale.id).await.unwrap().unwrap();
    assert_eq!(tally.held, 0);
}

#[tokio::test(start_paused = true)]
async fn a_scheduler_runs_until_it_is_asked_to_stop() {
    let world = World::new();
    let node = Arc::new(node(&world, 1));
    let stop = Arc::new(Notify::new());
    let running = tokio::spawn({
        let (node, stop) = (Arc::clone(&node), Arc::clone(&stop));
        async move { node.scheduler.run(stop.notified()).await }
    });
    // The clock is paused: these waits take no time.
    tokio::time::sleep(TICK / 2).await;
    let sale = current(&node);
    world.live.wipe();
    world.clock.advance_ms(1_000);
    tokio::time::sleep(TICK).await;
    assert!(world.live.served(sale.id).is_some(), "it ticks by itself");

    stop.notify_one();

    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_hold_is_ended_and_nothing_loaded_anew_by_a_clock_that_was_set() {
    let (world, node, sale) = selling().await;
    node.process.catalog.watch_clock(Arc::new(ManualClock::new(UnixMillis(0))));
    advance(ROTATE_EVERY).await;
    node.scheduler.tick().await;
    let hold = node.process.take(&sale, "alice").await;
    let epoch = || world.ledger.sale(sale.id).unwrap().epoch;
    let before = epoch();

    // The live store's is as it was.
    world.clock.advance_ms(DAY_MS);
    world.live.set_skew_ms(-DAY_MS);
    for _ in 0..4 {
        advance(OVERDUE_EVERY).await;
        node.scheduler.tick().await;
    }

    assert!(!node.process.catalog.is_on_time());
    assert_eq!(epoch(), before, "it was loaded anew");
    world.clock.advance_ms(-DAY_MS);
    world.live.set_skew_ms(0);
    advance(OVERDUE_EVERY).await;
    node.scheduler.tick().await;
    assert!(node.process.catalog.is_on_time());
    assert!(node.process.purchase.redeem(hold.code).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_hold_is_ended_by_a_load_that_went_by_a_clock_that_was_set() {
    let (world, node, sale) = selling().await;
    node.process.catalog.watch_clock(Arc::new(ManualClock::new(UnixMillis(0))));
    advance(ROTATE_EVERY).await;
    node.scheduler.tick().await;
    let hold = node.process.take(&sale, "alice").await;

    world.clock.advance_ms(DAY_MS);
    advance(ROTATE_EVERY).await;
    node.scheduler.tick().await;
    world.live.wipe();
    for _ in 0..4 {
        advance(TICK).await;
        node.scheduler.tick().await;
    }

    assert!(!node.process.catalog.is_on_time());
    assert!(world.live.served(sale.id).is_some(), "it is loaded all the same");
    world.clock.advance_ms(-DAY_MS);
    advance(ROTATE_EVERY).await;
    node.scheduler.tick().await;
    assert!(node.process.purchase.redeem(hold.code).await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_sign_of_life_comes_with_every_tick_and_none_while_a_step_stands_still() {
    let (world, signs) = (World::new(), Arc::new(AtomicUsize::new(0)));
    let upkeep = world.services(1).upkeep(World::hourly());
    let scheduler = Scheduler::new(upkeep).with_sign(Arc::new({
        let signs = Arc::clone(&signs);
        move || {
            signs.fetch_add(1, Ordering::Relaxed);
        }
    }));
    let running = tokio::spawn(async move { scheduler.run(pending()).await });
    let given = || signs.swap(0, Ordering::Relaxed);
    for _ in 0..8 {
        sleep(TICK).await;
        assert!(given() > 0);
    }

    world.ledger.faults().plan(Operation::Calendar, Fault::Pause);
    sleep(2 * ROTATE_EVERY).await;
    given();
    sleep(Duration::from_mins(10)).await;
    assert_eq!(given(), 0, "a step stands still");

    world.ledger.faults().resume();
    sleep(TICK).await;
    assert!(given() > 0);
    running.abort();
}
