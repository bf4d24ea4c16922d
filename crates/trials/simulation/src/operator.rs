//! The operator, who only means well.

use std::sync::Arc;

use domain::{Window, ports::SaleRegister};

use crate::{ledger_line::LedgerLine, process::Service};

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
            let starts_at = world.true_time() + 120_000;
            let window = Window::new(starts_at, starts_at + 1_000).expect("a second is not empty");
            // Whatever comes of it, nobody depends on that sale.
            let _ = ledger.schedule(window, world.plan.terms).await;
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
