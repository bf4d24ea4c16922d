//! The two stores of a run, and their clock.

use std::sync::Arc;

use domain::UnixMillis;
use fakes::{FakeLedger, FakeLive, ManualClock};

use crate::{
    embedded::Embedded,
    ledger::Ledger,
    plan::{Plan, Stack},
};

/// Both stores.
pub(crate) struct Stores {
    pub(crate) live: Arc<FakeLive>,
    pub(crate) ledger: Arc<dyn Ledger>,
    /// The ledger's clock. The live store's is off by a skew of its own.
    pub(crate) clock: ManualClock,
}

impl Stores {
    /// Stores with nothing in them, at this time. Must be called on a tokio runtime.
    pub(crate) fn new(plan: &Plan, now: UnixMillis) -> Self {
        let clock = ManualClock::new(now);
        let ledger: Arc<dyn Ledger> = match plan.stack {
            Stack::Servers => {
                let ledger = FakeLedger::new(clock.clone());
                ledger.set_permits(plan.places);
                Arc::new(ledger)
            }
            Stack::Embedded => {
                let ledger = Embedded::new(clock.clone(), plan.places);
                Arc::new(ledger.expect("a ledger in memory can be made"))
            }
        };
        Self { live: Arc::new(FakeLive::new(clock.clone())), ledger, clock }
    }
}
