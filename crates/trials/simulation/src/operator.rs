//! The operators, who only mean well.

use std::sync::Arc;

use domain::{
    Failure, Phase, Sale, SaleId, StoreError, Window,
    operator::{Action, ActionId, Answer, Beside, Change, Changed, Order},
    ports::{Operator, Store, TrailPage},
    sale::SaleState,
    upkeep::Rebuild,
};
use fakes::HoldState;

use crate::{
    checked::{Checked, ensure},
    ledger_line::LedgerLine,
    live_line::LiveLine,
    lock::lock,
    pauses::Pauses,
    process::{ProcessClock, Service, timetable},
    world::World,
};

/// The process number of the operator, who has a line of their own.
const OPERATOR: u16 = 0;

/// How often the operator lets every sale go on in the end, a second apart.
const LAST_WORDS: u32 = 4;

/// How often an order is given again whose answer got lost.
const TRIES_MAX: u32 = 3;

/// Makes sales by hand, changes them, stops them and lets them go on, gives holds back and cancels purchases; now and then
/// past all processes, at the ledger alone.
pub(crate) async fn operate(service: Arc<Service>) {
    let ledger = LedgerLine(service.line(OPERATOR));
    let world = &service.world;
    // Of what is done past them nothing is promised: in half of the worlds nobody does.
    let some_ask_none = world.random.happens(500);
    while world.is_in_trouble() {
        world.pass(world.random.within(500..=4_000)).await;
        if world.random.happens(300) {
            give(&service, schedule(world)).await;
        }
        if world.random.happens(500)
            && let Some(action) = any_action(world)
        {
            give(&service, action).await;
        }
        let Some(sale) = world.random.pick(&world.stores.ledger.sales()) else { continue };
        let asks_a_process = !some_ask_none || world.random.happens(500);
        for paused in [true, false] {
            if asks_a_process {
                stop_or_go_on(&service, sale.id, paused).await;
            } else {
                stop_or_go_on_blindly(world, &ledger, sale.id, paused).await;
            }
            world.pass(world.random.within(10..=800)).await;
        }
    }
    // What they said before may still be on its way: they say the last word again until it is that.
    for _ in 0..LAST_WORDS {
        for sale in world.stores.ledger.sales() {
            stop_or_go_on_blindly(world, &ledger, sale.id, false).await;
        }
        world.pass(1_000).await;
    }
}

/// Stops a sale, or lets it go on, and remembers what buyers may be told from then on.
async fn stop_or_go_on(service: &Service, sale: SaleId, paused: bool) {
    let world = &service.world;
    let note = |change: fn(&mut Pauses, SaleId)| {
        change(&mut lock(&world.safety).history.pauses, sale);
    };
    if paused {
        if let Some(Answer::Done { in_effect: true, .. }) =
            give(service, Action::PauseSale(sale)).await
        {
            note(Pauses::begin);
        }
    } else {
        note(Pauses::end);
        if give(service, Action::ResumeSale(sale)).await.is_none() {
            // It may still come, also after the next pause.
            note(Pauses::distrust);
        }
    }
}

/// The same at the ledger alone: no live store is asked, and no epoch raised.
async fn stop_or_go_on_blindly(world: &World, ledger: &LedgerLine, sale: SaleId, paused: bool) {
    lock(&world.safety).history.pauses.distrust(sale);
    let action = if paused { Action::PauseSale(sale) } else { Action::ResumeSale(sale) };
    let blind = Beside { is_blind: true, ..Beside::default() };
    // Without an answer it may be so all the same.
    let _ = ledger.act(&order(world, action), &blind).await;
}

/// An order that is given for the first time.
fn order(world: &World, action: Action) -> Order {
    let drawn = u128::from(world.random.within(0..=u64::MAX - 1)) << 64;
    Order {
        id: ActionId::drawn(drawn | u128::from(world.random.within(0..=u64::MAX - 1))),
        by: "operator".parse().expect("a plain name"),
        why: Some("so it is wanted".parse().expect("plain words")),
        request_id: None,
        action,
        if_at: None,
    }
}

/// A sale beside whatever there is: it overlaps one of the timetable, and often another such.
fn schedule(world: &World) -> Action {
    let starts_in_ms = world.random.pick(&[0, 1_500, 4_000]).unwrap_or(0);
    let lasts_ms = world.random.pick(&[1_000, 6_000, 20_000]).unwrap_or(1_000);
    let starts_at = world.true_time() + starts_in_ms;
    let window = Window::new(starts_at, starts_at + lasts_ms).expect("it lasts a second");
    Action::ScheduleSale { window, terms: world.plan.terms, product: None }
}

/// Something to do with what there is.
fn any_action(world: &World) -> Option<Action> {
    if world.random.happens(200) {
        return cancellation(world);
    }
    let sales = world.stores.ledger.sales();
    let now = world.stores.clock.now();
    let goes_on = |sale: &Sale| !matches!(sale.phase_at(now), Phase::Ended);
    let sales: Vec<_> = sales.into_iter().filter(goes_on).collect();
    let sale = world.random.pick(&sales)?;
    match world.random.below(10) {
        0 => Some(Action::EndSale(sale.id)),
        1..=2 => {
            let records = world.stores.ledger.records();
            let held = records.holds.iter().filter(|hold| hold.state == HoldState::Held);
            let code = world.random.pick(&held.map(|hold| hold.code).collect::<Vec<_>>())?;
            lock(&world.safety).history.takes_back(code);
            Some(Action::ReleaseHold(code))
        }
        _ => Some(Action::ChangeSale { sale: sale.id, change: change(world, &sale)? }),
    }
}

/// The end of some purchase, of any sale there was; now and then of one that is cancelled already.
fn cancellation(world: &World) -> Option<Action> {
    let records = world.stores.ledger.records();
    let is_bought = |state| {
        matches!(state, HoldState::Sold)
            || state == HoldState::Cancelled && world.random.happens(100)
    };
    let bought = records.holds.iter().filter(|hold| is_bought(hold.state));
    let code = world.random.pick(&bought.map(|hold| hold.code).collect::<Vec<_>>())?;
    lock(&world.safety).history.cancels(code);
    Some(Action::CancelPurchase(code))
}

fn change(world: &World, sale: &Sale) -> Option<Change> {
    let mut changed = Changed::default();
    let limit = sale.terms.per_user_limit();
    match world.random.below(4) {
        0 => changed.per_user_limit = Some(limit + 1),
        1 if sale.phase_at(world.stores.clock.now()) != Phase::Scheduled => {
            // A sale of the timetable has time left in the slot after.
            let by_ms = world.random.pick(&[-5_000, -500, 500, 5_000]).unwrap_or(500);
            changed.ends_at = Some(sale.window.ends_at() + by_ms);
        }
        _ => changed.stock = u32::try_from(world.random.within(1..=8)).ok(),
    }
    if world.random.happens(100) {
        // Once it has opened, this is refused.
        changed.hold_ms = world.random.pick(&[1_000, 3_000]);
    }
    Change::new(changed).ok()
}

/// Has some process carry an order out, and gives it again where the answer got lost. One that is given
/// again is done once. `None` if it was never answered.
async fn give(service: &Service, action: Action) -> Option<Answer> {
    let world = &service.world;
    let order = order(world, action.clone());
    let (mut given, mut answered) = (None, None);
    for _ in 0..TRIES_MAX {
        let (_, process) = service.pick()?;
        let steering = process.services.steering(timetable(world));
        let order = match (action.sale(), world.random.happens(200)) {
            (Some(sale), true) => {
                let Ok(seen) = steering.version(sale).await else { continue };
                Order { if_at: Some(seen), ..order.clone() }
            }
            _ => order.clone(),
        };
        // With another `if_at` it would be another order.
        let order = given.get_or_insert(order);
        match steering.act(order).await {
            Ok(Answer::IdUsed(record)) => panic!("{order:?} was given as {record:?}"),
            Ok(answer) => {
                answered = Some(answer);
                break;
            }
            Err(error) if error.failure() == Failure::Unknown => {}
            Err(_) if world.random.happens(500) => {}
            Err(_) => return None,
        }
    }
    check_trail(service, &order).await;
    answered
}

/// What the trail says of an order is the same, whichever way it is asked.
async fn check_trail(service: &Service, order: &Order) {
    let ledger = LedgerLine(service.line(OPERATOR));
    let page = TrailPage { sale: None, before: None, changes_only: false, limit: usize::MAX };
    let (Ok(one), Ok(all)) = (ledger.action(order.id).await, ledger.trail(page).await) else {
        return;
    };
    let rows: Vec<_> = all.iter().filter(|row| row.order.id == order.id).collect();
    assert!(rows.len() <= 1, "{order:?} is in the trail twice: {rows:?}");
    // Between the two questions it may have come, or gone with a ledger that was restored.
    if let (Some(one), Some(row)) = (&one, rows.first()) {
        assert!(one == *row, "{one:?} is {row:?} elsewhere in the trail");
    }
}

/// Accepts a restored ledger as it is, after a while, and again until it is that: what is still on its
/// way may stop a sale once more.
pub(crate) async fn accept_restore(service: Arc<Service>) {
    let world = &service.world;
    world.pass(world.while_in_trouble(world.random.within(300..=4_000))).await;
    world.note(|| "the operator accepts the ledger as it is".to_owned());
    lock(&world.safety).accept();
    let way = service.line(OPERATOR);
    let (ledger, live) = (LedgerLine(way.clone()), LiveLine(way));
    let clock = ProcessClock(Arc::clone(world));
    let trail = LedgerLine(service.line(OPERATOR));
    let rebuild = Rebuild::new(Arc::new(ledger), Arc::new(live), Arc::new(clock));
    // As long as the run lasts: a sale that the backup lacks is made anew, under a number that the live
    // store may know.
    loop {
        for sale in world.stores.ledger.sales() {
            // Without an answer they say it again.
            let _ = rebuild.accept(sale.id).await;
            let is_stopped = sale.state == SaleState::Paused
                && stops(&trail, Some(sale.id)).await.is_ok_and(|stops| stops > 0);
            if is_stopped {
                stop_or_go_on(&service, sale.id, false).await;
            }
        }
        world.pass(1_000).await;
    }
}

/// A service pauses a sale only because its ledger has lost purchases.
pub(crate) async fn check_stops(service: &Service) -> Checked {
    let is_restored = lock(&service.network).restorations(Store::Ledger) > 0;
    let ledger = LedgerLine(service.line(OPERATOR));
    let stops = stops(&ledger, None).await.map_err(|error| error.to_string())?;
    ensure(is_restored || stops == 0, || {
        format!("{stops} times a sale was paused for a loss, and nothing was lost")
    })
}

/// How often a service has paused the sale, or any, of itself.
async fn stops(ledger: &LedgerLine, sale: Option<SaleId>) -> Result<usize, StoreError> {
    let page = TrailPage { sale, before: None, changes_only: false, limit: usize::MAX };
    let trail = ledger.trail(page).await?;
    Ok(trail.iter().filter(|record| record.order.by.as_str() == "flashsale").count())
}
