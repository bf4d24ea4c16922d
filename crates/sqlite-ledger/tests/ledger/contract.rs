//! The promises of a ledger, kept by SQLite.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::SaleId;
use store_contract::{CountRecords, Inspected, Ledger, fixtures::WallClock};

use crate::shop::Shop;

mod answered_codes {
    store_contract::answered_codes_contract!(super::ledger);
}

mod code_owners {
    store_contract::code_owners_contract!(super::ledger);
}

mod exports {
    store_contract::exports_contract!(super::inspected);
}

mod inspections {
    store_contract::inspections_contract!(super::inspected);
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

mod sale_history {
    store_contract::sale_history_contract!(super::inspected);
}

mod sale_register {
    store_contract::sale_register_contract!(super::ledger);
}

/// A ledger in a directory of its own.
async fn ledger() -> Ledger {
    inspected().await.ledger
}

/// The same, as operators look at it too.
async fn inspected() -> Inspected {
    let shop = Shop::new();
    let store = Arc::new(shop.ledger());
    let (inspections, exports, history) = (store.clone(), store.clone(), store.clone());
    let ledger = Ledger::new(store, Arc::new(WallClock), Arc::new(Records(shop)));
    Inspected { ledger, inspections, exports, history }
}

/// Counts rows, past the ledger.
struct Records(Shop);

#[async_trait]
impl CountRecords for Records {
    async fn by_outcome(&self, sale: SaleId) -> BTreeMap<String, usize> {
        let database = self.0.database();
        let mut counts = database
            .connection()
            .prepare(
                "SELECT coalesce(outcome, 'tombstone'), count(*) FROM checkout_attempts \
                 WHERE sale_id = ?1 GROUP BY 1",
            )
            .unwrap();
        let rows =
            counts.query_map([sale.get()], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?))).unwrap();
        rows.map(|row| row.map(|(outcome, count)| (outcome, usize::try_from(count).unwrap())))
            .collect::<Result<_, _>>()
            .unwrap()
    }
}
