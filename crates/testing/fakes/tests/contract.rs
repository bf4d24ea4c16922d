//! The promises of both stores, kept in memory.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::{SaleId, UnixMillis};
use fakes::{AttemptRecord, FakeLedger, FakeLive, ManualClock};
use store_contract::{CountRecords, Ledger, Live, turns::Shared};

mod sale_store {
    store_contract::sale_store_contract!(super::live);
}

mod code_store {
    store_contract::code_store_contract!(super::live);
}

mod turns {
    store_contract::turns_contract!(super::shared);
}

mod answered_codes {
    store_contract::answered_codes_contract!(super::ledger);
}

mod code_owners {
    store_contract::code_owners_contract!(super::ledger);
}

mod ledger_store {
    store_contract::ledger_store_contract!(super::ledger);
}

mod lookups {
    store_contract::lookups_contract!(super::ledger);
}

mod products {
    store_contract::products_contract!(super::ledger);
}

mod operator {
    store_contract::operator_contract!(super::ledger);
}

mod sale_register {
    store_contract::sale_register_contract!(super::ledger);
}

async fn live() -> Live {
    let clock = clock();
    Live::new(Arc::new(FakeLive::new(clock.clone())), Arc::new(clock))
}

async fn shared() -> Shared {
    let clock = clock();
    let live = Arc::new(FakeLive::new(clock.clone()));
    let restart = {
        let live = live.clone();
        Arc::new(move || live.restore(&live.copy()))
    };
    Shared { one: live.clone(), other: live, clock: Arc::new(clock), restart }
}

async fn ledger() -> Ledger {
    let clock = clock();
    let store = Arc::new(FakeLedger::new(clock.clone()));
    Ledger::new(store.clone(), Arc::new(clock), Arc::new(Records(store)))
}

/// Some time in 2026; noon, so that no case comes near the end of a slot of the timetable.
fn clock() -> ManualClock {
    ManualClock::new(UnixMillis(1_795_003_200_000))
}

/// Counts records.
struct Records(Arc<FakeLedger>);

#[async_trait]
impl CountRecords for Records {
    async fn by_outcome(&self, sale: SaleId) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for attempt in self.0.attempts() {
            let (of, outcome) = match attempt {
                AttemptRecord::Hold(hold) => (hold.sale, "granted"),
                AttemptRecord::Refusal { sale, refusal, .. } => (sale, refusal.name()),
                AttemptRecord::Tombstone { sale, .. } => (sale, "tombstone"),
            };
            if of == sale {
                *counts.entry(outcome.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }
}
