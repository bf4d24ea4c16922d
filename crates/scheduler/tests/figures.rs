//! What the steps find, as whoever watches is shown it. All of one process count together, so this is
//! one of its own, and its tests take turns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::float_cmp, reason = "figures are whole, or read as they were written")]

use std::{sync::Arc, time::Duration};

use domain::{Phase, Sale, UnixMillis};
use fakes::{Fault, Operation, Process, World};
use scheduler::{RECONCILE_EVERY, ROTATE_EVERY, Scheduler, TICK};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::advance,
};

static TURN: Mutex<()> = Mutex::const_new(());

/// A world that was served for one tick, by a process whose clock is ahead by so much; and the turn.
async fn selling(ahead_ms: i64) -> (World, Process, Scheduler, Sale, MutexGuard<'static, ()>) {
    let turn = TURN.lock().await;
    telemetry::switch_on();
    let world = World::new();
    let services = world.services(1);
    let clock = world.clock.clone();
    let wall_clock = Arc::new(move || UnixMillis(clock.now().0 + ahead_ms));
    let scheduler = Scheduler::new(services.upkeep(World::hourly())).with_wall_clock(wall_clock);
    let process = Process::of(services);
    scheduler.tick().await;
    let calendar = process.catalog.calendar();
    let is_on = |sale: &&Sale| sale.phase_at(calendar.now) == Phase::Open;
    let sale = *calendar.sales.iter().find(is_on).unwrap();
    (world, process, scheduler, sale, turn)
}

/// Lets both the stores' time and the scheduler's pass.
async fn pass(world: &World, time: Duration) {
    world.clock.advance_ms(i64::try_from(time.as_millis()).unwrap());
    advance(time).await;
}

/// A figure by its name and labels.
fn figure(name: &str) -> f64 {
    let shown = telemetry::render();
    let line = shown.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    line.unwrap_or_else(|| panic!("no {name} in {shown}"))
}

fn lags_above_five_seconds() -> f64 {
    figure("flashsale_sweep_lag_seconds_count")
        - figure("flashsale_sweep_lag_seconds_bucket{le=\"5\"}")
}

#[tokio::test(start_paused = true)]
async fn a_sweep_that_does_not_come_through_lags_until_one_does() {
    let (world, _process, scheduler, _sale, _turn) = selling(0).await;
    let before = lags_above_five_seconds();
    world.ledger.faults().plan(Operation::Calendar, Fault::Refuse);

    world.live.faults().set_down(true);
    pass(&world, Duration::from_secs(6)).await;
    scheduler.tick().await;
    let while_down = lags_above_five_seconds();
    world.live.faults().set_down(false);
    pass(&world, TICK).await;
    scheduler.tick().await;
    let of_the_first = lags_above_five_seconds();
    pass(&world, TICK).await;
    scheduler.tick().await;
    let after = lags_above_five_seconds();

    // What became due while it was down waited for the first sweep after it, and no longer.
    assert_eq!([before, while_down, of_the_first, after], [0.0, 1.0, 2.0, 2.0]);
}

#[tokio::test(start_paused = true)]
async fn what_the_live_store_lacks_of_the_ledger_is_shown_and_counted_when_it_is_mended() {
    let (world, process, scheduler, sale, _turn) = selling(0).await;
    let copy = world.live.copy();
    let hold = process.take(&sale, "alice").await;
    process.purchase.redeem(hold.code).await.unwrap().unwrap();
    let drifted = figure("flashsale_upkeep_events_total{event=\"sale_drifted\"}");
    world.live.roll_back_undetected(&copy);

    pass(&world, RECONCILE_EVERY).await;
    scheduler.tick().await;
    let units = ["free", "held", "sold"]
        .map(|state| figure(&format!("flashsale_drift_units{{state=\"{state}\"}}")));
    pass(&world, RECONCILE_EVERY).await;
    scheduler.tick().await;

    assert_eq!(units, [1.0, 0.0, -1.0]);
    assert_eq!(figure("flashsale_upkeep_events_total{event=\"sale_drifted\"}"), drifted + 1.0);
}

#[tokio::test(start_paused = true)]
async fn a_process_whose_clock_is_ahead_shows_by_how_much() {
    let (world, _process, scheduler, _sale, _turn) = selling(1_500).await;

    pass(&world, ROTATE_EVERY).await;
    scheduler.tick().await;

    assert_eq!(figure("flashsale_clock_difference_seconds{clock=\"process\"}"), 1.5);
}
