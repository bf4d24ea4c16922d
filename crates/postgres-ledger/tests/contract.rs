//! The promises of a ledger, kept by Postgres.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod database;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use domain::SaleId;
use store_contract::{CountRecords, Inspected, Ledger, fixtures::WallClock};

use crate::database::{SERVER, fresh_database, ledger_in};

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

/// A ledger in a database of its own.
async fn ledger() -> Ledger {
    inspected().await.ledger
}

/// The same, as operators look at it too.
async fn inspected() -> Inspected {
    let database = fresh_database().await;
    let store = Arc::new(ledger_in(&database));
    let (inspections, exports, history) = (store.clone(), store.clone(), store.clone());
    let ledger = Ledger::new(store, Arc::new(WallClock), Arc::new(Records { database }));
    Inspected { ledger, inspections, exports, history }
}

/// Counts rows.
struct Records {
    database: String,
}

#[async_trait]
impl CountRecords for Records {
    async fn by_outcome(&self, sale: SaleId) -> BTreeMap<String, usize> {
        let query = format!(
            "SELECT coalesce(outcome::text, 'tombstone'), count(*) FROM checkout_attempts \
             WHERE sale_id = {sale} GROUP BY 1"
        );
        let rows = SERVER.psql(&self.database, &query).unwrap();
        rows.lines()
            .map(|row| {
                let (outcome, count) = row.split_once('|').unwrap();
                (outcome.to_owned(), count.parse().unwrap())
            })
            .collect()
    }
}
