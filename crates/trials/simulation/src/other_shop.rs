//! Another shop, whose services are set to the same live store by mistake. Its sales have the same
//! numbers.

use std::sync::{Arc, atomic::AtomicU64};

use domain::{
    CheckoutRequest, LedgerId, Ports, Services, Timetable, ports::Store, processes::ProcessId,
    upkeep::Shares,
};
use fakes::{FakeLedger, FakeLive, PlainItems};
use scheduler::Scheduler;

use crate::{
    checked::{Checked, ensure},
    executor::Owner,
    lock::lock,
    process::{Mint, ProcessClock},
    world::World,
};

/// Whose tasks the other shop's are.
pub(crate) const OTHER_SHOP: Owner = Owner::Process(NUMBER);

/// No process of ours ever has this number.
const NUMBER: u16 = 999;

/// The identity of its ledger.
const LEDGER: LedgerId = LedgerId(1);

/// Runs one process of the other shop, whose own stores never fail it, until it finds out or all
/// trouble is over.
pub(crate) async fn serve(world: Arc<World>, for_ms: u64) {
    let ledger = Arc::new(FakeLedger::new(world.stores.clock.clone()));
    let live = Arc::new(world.stores.live.as_seen_by(LEDGER));
    let services = Services::over(Ports {
        register: ledger.clone(),
        ledger: ledger.clone(),
        answered: ledger.clone(),
        products: ledger.clone(),
        product_reads: ledger.clone(),
        operator: ledger.clone(),
        sales: live.clone(),
        codes: live.clone(),
        items: Arc::new(PlainItems),
        mint: Arc::new(Mint(NUMBER, AtomicU64::new(0))),
        clock: Arc::new(ProcessClock(Arc::clone(&world))),
    });
    let timetable = Timetable::new(world.plan.period_ms, world.plan.terms)
        .expect("the plan's slots fill the day");
    let shares = Shares::among(live.clone(), ProcessId(NUMBER.into()));
    let scheduler = Scheduler::new(services.upkeep(timetable)).with_shares(shares);
    let until_ms = world.now_ms() + for_ms;
    while world.is_in_trouble() && world.now_ms() < until_ms {
        scheduler.tick().await;
        sell(&world, &services, &ledger).await;
        world.look(Store::Live);
        world.expect(check_unmixed(&world, &ledger, &live));
        world.pass(world.while_in_trouble(world.random.within(20..=300))).await;
    }
    if world.random.happens(500) {
        // Somebody does as they are told, and makes room.
        world.stores.live.wipe();
        lock(&world.safety).forget_stops(&world.stores.live);
    }
}

/// Lets a customer of the other shop ask, and perhaps buy.
async fn sell(world: &World, services: &Services, ledger: &FakeLedger) {
    let Some(sale) = world.random.pick(&ledger.sales()) else { return };
    let name = format!("theirs-{}", world.random.below(5));
    let user = name.parse().expect("they are called by plain words");
    // Where the live store has our sale of this number, they get none of it.
    let asked = services.checkout.attempt(CheckoutRequest { sale: sale.id, user }).await;
    if let Ok(Ok(hold)) = asked
        && world.random.happens(500)
    {
        let _ = services.purchase.redeem(hold.code).await;
    }
}

/// What the live store has of their sales is theirs, and of ours is ours.
fn check_unmixed(world: &World, theirs: &FakeLedger, live: &FakeLive) -> Checked {
    for sale in theirs.sales() {
        let held = live.held(sale.id);
        let is_theirs = live.served(sale.id).is_some();
        let is_mixed = held.iter().find(|(code, _)| {
            if is_theirs {
                world.stores.ledger.records().hold(*code).is_some()
            } else {
                live.is_of_other(sale.id) && theirs.hold(*code).is_some()
            }
        });
        ensure(is_mixed.is_none(), || format!("two shops are mixed in {sale:?}: {is_mixed:?}"))?;
    }
    Ok(())
}
