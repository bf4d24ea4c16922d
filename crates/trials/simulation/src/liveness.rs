//! The end of a run: nothing goes wrong any more, and within a bounded time everything is as if
//! nothing ever had.

use std::sync::Arc;

use domain::{Code, Phase, Sale, SaleId, sale::SaleState, upkeep::LOAD_AHEAD_MS};
use fakes::{HoldRecord, HoldState};
use tokio::{
    sync::oneshot,
    time::{Duration, timeout},
};

use crate::{
    answers::Told,
    checked::{Checked, ensure},
    injector::CLOCK_SET_MS_MAX,
    lock::lock,
    operator,
    other_shop::OTHER_SHOP,
    process::Service,
    users::User,
    world::{BEGINNING, World},
};

/// How long users may take to learn what became of their last requests, in milliseconds.
const RESOLVED_WITHIN_MS: u64 = 10_000;

/// How long healing may take, in milliseconds: the longest hold, the time after which the
/// ledger expires what the live store forgot, and the rhythm of each step that must follow.
const HEALED_WITHIN_MS: u64 = 25_000;

/// How long after its closing a sale may still be on the live store, in milliseconds: a snapshot
/// that came late is forgotten after a minute, by a clock that may have been ahead.
const FORGOTTEN_WITHIN_MS: u64 = 65_000 + CLOCK_SET_MS_MAX.unsigned_abs();

/// How long users may be told what was true before, in milliseconds.
const TOLD_WITHIN_MS: u64 = 1_500;

/// How long closing may take once a sale is over, in milliseconds.
const CLOSED_WITHIN_MS: u64 = 6_000;

/// How long before its end a sale is not begun to be sold out, in milliseconds.
const TIME_TO_SELL_MS: i64 = 3_000;

/// How long all of it may take, in milliseconds: the sum of all that may be waited for.
const ENDED_WITHIN_MS: u64 = 200_000;

/// How far the live store's reckoning of the ledger's time may be off, in milliseconds: what is
/// not repaired, and how long the looks at both clocks take.
const SKEW_MS_MAX: i64 = 200 + 10;

/// How often it is looked whether things are as they should be, in milliseconds.
const LOOK_EVERY_MS: u64 = 100;

/// Waits until all trouble is over, sees that everything heals, and sells what is left.
pub(crate) async fn check(service: Arc<Service>, users: Vec<oneshot::Receiver<()>>) {
    let world = &service.world;
    world.pass(world.plan.trouble_ms).await;
    world.note(|| "*** all trouble is over".to_owned());
    world.set_clock(world.true_time());
    world.stores.live.set_skew_ms(0);
    world.tasks.end_all(OTHER_SHOP);
    if world.stores.live.has_any_of_other() {
        // The operator does what the error says: the other shop is no more, and this makes room.
        world.stores.live.wipe();
        lock(&world.safety).forget_stops(&world.stores.live);
    }
    let ended = timeout(Duration::from_millis(ENDED_WITHIN_MS), conclude(&service, users)).await;
    world.end(ended.unwrap_or_else(|_| Err("the run does not end".to_owned())));
}

async fn conclude(service: &Arc<Service>, users: Vec<oneshot::Receiver<()>>) -> Checked {
    let world = &*service.world;
    for user in users {
        let ended = timeout(Duration::from_millis(RESOLVED_WITHIN_MS), user).await;
        ensure(ended.is_ok(), || "a user never learnt what became of a request".to_owned())?;
    }
    let unsettled = || world.stores.ledger.sales().iter().find_map(|sale| unsettled(world, sale));
    // A hold that was given while the clock was ahead lasts the longer for it.
    let latest = lock(&world.safety).latest.unwrap_or(BEGINNING);
    let ahead_ms = (latest - world.true_time()).max(0).unsigned_abs();
    wait_until_none(world, HEALED_WITHIN_MS + ahead_ms, unsettled).await?;
    lock(&world.safety).healed_ms = Some(world.now_ms() - world.plan.trouble_ms);

    let sale = sale_to_sell(world).await?;
    sell_out(service, sale).await?;

    // Nothing is left to be seen of this sale, so the rest of its time may pass at once.
    world.set_clock(sale.window.ends_at());
    let is_left = |sale: &Sale| sale.state == SaleState::Closed && world.stores.live.has(sale.id);
    let unforgotten = || {
        let left = world.stores.ledger.sales().into_iter().find(is_left);
        left.map(|sale| format!("a closed sale is on the live store: {sale:?}"))
    };
    let unclosed = || {
        let sales = world.stores.ledger.sales();
        sales.iter().find(|it| it.id == sale.id).and_then(|it| unsettled_end(world, it))
    };
    wait_until_none(world, CLOSED_WITHIN_MS, unclosed).await?;
    wait_until_none(world, FORGOTTEN_WITHIN_MS, unforgotten).await?;
    operator::check_stops(service).await?;
    lock(&world.safety).history.check(&*world.stores.ledger)?;
    world.stores.ledger.audit()
}

async fn wait_until_none(
    world: &World,
    within_ms: u64,
    wrong: impl Fn() -> Option<String>,
) -> Checked {
    let until_ms = world.now_ms() + within_ms;
    while let Some(wrong) = wrong() {
        ensure(world.now_ms() < until_ms, || format!("after {within_ms} ms still {wrong}"))?;
        world.pass(LOOK_EVERY_MS).await;
    }
    Ok(())
}

/// What of a sale is not as it will stay, if anything.
fn unsettled(world: &World, sale: &Sale) -> Option<String> {
    let now = world.stores.clock.now();
    if sale.phase_at(now) == Phase::Ended {
        return unsettled_end(world, sale);
    }
    if sale.window.starts_at() - now > LOAD_AHEAD_MS {
        return None;
    }
    let (held, sold) =
        (count(world, sale.id, HoldState::Held), count(world, sale.id, HoldState::Sold));
    let served = world.stores.live.served(sale.id);
    let is_settled = held == 0
        && sale.state == SaleState::Active
        && served.is_some_and(|live| {
            live.epoch == sale.epoch
                && !live.paused
                && (live.now - now).abs() <= SKEW_MS_MAX
                && (live.free, live.held, live.sold) == (sale.terms.stock() - sold, 0, sold)
        });
    (!is_settled).then(|| format!("{held} held and {sold} sold of {sale:?}, served {served:?}"))
}

/// What is left of a sale that is over, if anything.
fn unsettled_end(world: &World, sale: &Sale) -> Option<String> {
    let held = count(world, sale.id, HoldState::Held);
    let is_closed = sale.state == SaleState::Closed && held == 0;
    (!is_closed).then(|| format!("{held} held, not closed: {sale:?}"))
}

fn count(world: &World, sale: SaleId, as_state: HoldState) -> u32 {
    let is_one = |hold: &&HoldRecord| hold.sale == sale && hold.state == as_state;
    let count = world.stores.ledger.records().holds.iter().filter(is_one).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many more units of a sale a user may have.
fn places_left(world: &World, sale: Sale, user: &str) -> usize {
    let is_theirs =
        |hold: &&HoldRecord| hold.is_live() && hold.sale == sale.id && hold.user.as_str() == user;
    let taken = world.stores.ledger.records().holds.iter().filter(is_theirs).count();
    usize::from(sale.terms.per_user_limit()) - taken
}

/// The sale that is on, or the next if that one has too little time left.
async fn sale_to_sell(world: &World) -> Result<Sale, String> {
    let on = || {
        let now = world.stores.clock.now();
        let sales = world.stores.ledger.sales();
        let has_time = |sale: &&Sale| {
            sale.phase_at(now) == Phase::Open && sale.window.ends_at() - now > TIME_TO_SELL_MS
        };
        sales.iter().find(has_time).copied().filter(|sale| unsettled(world, sale).is_none())
    };
    let none = || on().is_none().then(|| "no sale is on".to_owned());
    // Sales that a clock closed ahead of their time stay closed.
    let within_ms = world.plan.period_ms + TIME_TO_SELL_MS + CLOCK_SET_MS_MAX;
    wait_until_none(world, within_ms.unsigned_abs(), none).await?;
    on().ok_or_else(|| "no sale is on".to_owned())
}

/// Sells what is left: exactly the stock. The first to buy are the users, up to their limit, so
/// a place of theirs that got lost is noticed; then come buyers who have nothing yet.
async fn sell_out(service: &Arc<Service>, sale: Sale) -> Checked {
    let world = &*service.world;
    let left = sale.terms.stock() - count(world, sale.id, HoldState::Sold);
    let users: Vec<_> = (0..world.plan.users).map(|number| format!("user-{number}")).collect();
    let is_full = |user: &&String| places_left(world, sale, user) == 0;
    if let Some(greedy) = users.iter().find(is_full).filter(|_| left > 0) {
        ask_until(service, greedy, sale, |told| *told == Err(Told::UserLimit)).await?;
    }
    let places = users.into_iter().flat_map(|user| {
        let left = places_left(world, sale, &user);
        vec![user; left]
    });
    let places: Vec<_> = places.collect();
    let strangers = (0..).map(|number| format!("buyer-{number}"));
    for (_, name) in (0..left).zip(places.into_iter().chain(strangers)) {
        let code = ask_until(service, &name, sale, Result::is_ok).await?;
        if let Some(code) = code {
            User::new(service, &name).redeem(code).await;
        }
    }
    let sold = count(world, sale.id, HoldState::Sold);
    ensure(sold == sale.terms.stock(), || format!("{sold} units are sold of {sale:?}"))?;
    ask_until(service, "late", sale, |told| *told == Err(Told::SoldOut)).await.map(drop)
}

/// Asks until the answer is as it should be, which it is soon: what processes remember of the
/// time in trouble, they do not remember for long.
async fn ask_until(
    service: &Arc<Service>,
    user: &str,
    sale: Sale,
    is_right: impl Fn(&Result<Code, Told>) -> bool,
) -> Result<Option<Code>, String> {
    let world = &*service.world;
    let until_ms = world.now_ms() + TOLD_WITHIN_MS;
    loop {
        let told = User::new(service, user).ask(sale.id).await;
        if is_right(&told) {
            return Ok(told.ok());
        }
        ensure(told.is_err() && world.now_ms() < until_ms, || format!("{user} is told {told:?}"))?;
        world.pass(LOOK_EVERY_MS).await;
    }
}
