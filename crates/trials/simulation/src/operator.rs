//! The operator, who only means well.

use std::sync::Arc;

use domain::{NewSale, Origin, Window, ports::SaleRegister, upkeep::Rebuild};

use crate::{
    ledger_line::LedgerLine,
    live_line::LiveLine,
    lock::lock,
    process::{ProcessClock, Service},
};

/// The process number of the operator, who has a line of their own.
const OPERATOR: u16 = 0;

/// How often the operator lets every sale go on in the end, a second apart.
const LAST_WORDS: u32 = 4;

/// Stops sales and lets them go on, and makes one by hand.
pub(crate) async fn operate(service: Arc<Service>) {
    let ledger = LedgerLine(service.line(OPERATOR));
    let world = &service.world;
    while world.is_in_trouble() {
        world.pass(world.random.within(500..=4_000)).await;
        if world.random.happens(300) {
            // Beside whatever there is: it overlaps a sale of the timetable, and often another such.
            let starts_in_ms = world.random.pick(&[0, 1_500, 4_000]).unwrap_or(0);
            let lasts_ms = world.random.pick(&[1_000, 6_000, 20_000]).unwrap_or(1_000);
            let starts_at = world.true_time() + starts_in_ms;
            let window = Window::new(starts_at, starts_at + lasts_ms).expect("it lasts a second");
            // Whatever comes of it: whoever finds that sale may buy there.
            let _ =
                ledger.schedule(NewSale::unnamed(window, world.plan.terms, Origin::Operator)).await;
        }
        let Some(sale) = world.random.pick(&world.stores.ledger.sales()) else { continue };
        // Without an answer it may be paused all the same.
        let _ = ledger.set_paused(sale.id, true).await;
        world.pass(world.random.within(10..=800)).await;
        let _ = ledger.set_paused(sale.id, false).await;
    }
    // What they said before may still be on its way: they say the last word again until it is that.
    for _ in 0..LAST_WORDS {
        for sale in world.stores.ledger.sales() {
            let _ = ledger.set_paused(sale.id, false).await;
        }
        world.pass(1_000).await;
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
    let rebuild = Rebuild::new(Arc::new(ledger), Arc::new(live), Arc::new(clock));
    // As long as the run lasts: a sale that the backup lacks is made anew, under a number that the live
    // store may know.
    loop {
        for sale in world.stores.ledger.sales() {
            // Without an answer they say it again.
            let _ = rebuild.accept(sale.id).await;
        }
        world.pass(1_000).await;
    }
}
